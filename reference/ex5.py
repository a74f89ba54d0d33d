# %% [markdown]
# ## Ex 5 · The training loop
#
# Logits, loss, clear the old gradients, compute the new ones, step. Each epoch takes all rows as one batch.
#
# The figures are measured on a model at rest, so what is printed is what this very model would score.

# %%
def evaluate(model, points, labels):
    """Mean loss, and the share of points that get the right label."""
    model.eval()
    with torch.inference_mode():
        logits = model(points)
        loss = loss_fn(logits, labels)
        accuracy = ((logits > 0) == labels).float().mean()
    return loss.item(), accuracy.item()


epochs = 200
epoch_axis, loss_curve, acc_curve, test_loss_curve, test_acc_curve = [], [], [], [], []

for epoch in range(1, epochs + 1):
    baseline.train()
    loss = loss_fn(baseline(X_train), y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

    if epoch % 10 == 0:
        train_loss, train_acc = evaluate(baseline, X_train, y_train)
        test_loss, test_acc = evaluate(baseline, X_test, y_test)
        epoch_axis.append(epoch)
        loss_curve.append(train_loss)
        acc_curve.append(train_acc)
        test_loss_curve.append(test_loss)
        test_acc_curve.append(test_acc)
        print(
            f"Epoch {epoch:3d} | loss {train_loss:.4f}, accuracy {100 * train_acc:.2f}% "
            f"| test loss {test_loss:.4f}, test accuracy {100 * test_acc:.2f}%"
        )

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
left.plot(epoch_axis, loss_curve, label="train")
left.plot(epoch_axis, test_loss_curve, label="test")
left.set(title="Loss", xlabel="epoch")
right.plot(epoch_axis, acc_curve, label="train")
right.plot(epoch_axis, test_acc_curve, label="test")
right.set(title="Accuracy", xlabel="epoch")
left.legend()
right.legend()
plt.show()

# %% [markdown]
# The loss stays at ln 2 ≈ 0.693, which is what a coin would score: the best straight line knows nothing about rings.
