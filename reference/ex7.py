# %% [markdown]
# ## Ex 7 · Train it
#
# A new model needs a new optimizer: the old one still holds the baseline's parameters. Small batches make many steps of
# one epoch, and a new order in each epoch keeps them from repeating themselves. The rings overlap a little in their
# noise: about 98 % is as far as any model gets.

# %%
optimizer = torch.optim.Adam(nonlinear.parameters(), lr=0.005)

epochs = 100
batch_size = 128
epoch_axis, loss_curve, acc_curve, test_loss_curve, test_acc_curve = [], [], [], [], []

for epoch in range(1, epochs + 1):
    nonlinear.train()
    for rows in torch.randperm(len(X_train), device=device).split(batch_size):
        loss = loss_fn(nonlinear(X_train[rows]), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    train_loss, train_acc = evaluate(nonlinear, X_train, y_train)
    test_loss, test_acc = evaluate(nonlinear, X_test, y_test)
    epoch_axis.append(epoch)
    loss_curve.append(train_loss)
    acc_curve.append(train_acc)
    test_loss_curve.append(test_loss)
    test_acc_curve.append(test_acc)

    if epoch % 10 == 0:
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
