# %% [markdown]
# ## Ex 8 · See what it learned
#
# The same boundary twice: under the points it was made from, and under points that it never saw.

# %%
from utils import plot_decision_boundary

plt.figure(figsize=(11, 5))
plt.subplot(1, 2, 1)
plt.title("Train")
plot_decision_boundary(nonlinear, X_train, y_train)
plt.subplot(1, 2, 2)
plt.title("Test")
plot_decision_boundary(nonlinear, X_test, y_test)
plt.show()
