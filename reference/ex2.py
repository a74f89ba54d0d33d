# %% [markdown]
# ## Ex 2 · Tensors, and a test part
#
# NumPy made `float64`, layers compute in `float32`. Splitting `X` and `y` in one call keeps each point with its label.

# %%
from sklearn.model_selection import train_test_split

X = torch.from_numpy(X).to(torch.float32)
y = torch.from_numpy(y).to(torch.float32)

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)

print(f"{len(X_train)} rows to train on, {len(X_test)} rows to test on, all of {X_train.dtype}")
