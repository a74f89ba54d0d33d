# %% [markdown]
# ## Ex 4 · Loss and optimizer
#
# `BCEWithLogitsLoss` does the sigmoid itself, so that it never takes the logarithm of a rounded zero.

# %%
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(baseline.parameters(), lr=0.1)
