# %% [markdown]
# # My notebook for lab six
# I wrote down what I understood next to each step.

# %%
import torch
import numpy
import matplotlib.pyplot as plt
from sklearn.datasets import make_circles
from sklearn.datasets import make_blobs

# %%
if torch.cuda.is_available():
    device = "cuda"
else:
    device = "cpu"
print("device:", device)

# %%
circles_X, circles_y = make_circles(2000, noise=0.05, random_state=42)

# %% [markdown]
# ### Exercise 1

# %%
print("shape of X is", circles_X.shape)
print("shape of y is", circles_y.shape)
print("second dimension of X is", circles_X.shape[1])
print("some points:")
print(circles_X[0])
print(circles_X[1])
print(circles_X[2])
print(circles_X[3])
print("some labels:", circles_y[0], circles_y[1], circles_y[2], circles_y[3])

# %% [markdown]
# ### Exercise 2
# I shuffle the row numbers once and cut them, the same numbers for X and for y.

# %%
X_all = torch.from_numpy(circles_X).type(torch.float32)
y_all = torch.from_numpy(circles_y).type(torch.float32).reshape(2000, 1)

gen = torch.Generator().manual_seed(42)
order = torch.randperm(2000, generator=gen)
train_rows = order[:1600]
test_rows = order[1600:]

X_train = X_all[train_rows].to(device)
y_train = y_all[train_rows].to(device)
X_test = X_all[test_rows].to(device)
y_test = y_all[test_rows].to(device)
print(X_train.shape, y_train.shape, X_test.shape, y_test.shape)

# %% [markdown]
# ### Exercise 3

# %%
class CirclePerceptron(torch.nn.Module):
    def __init__(self):
        super(CirclePerceptron, self).__init__()
        self.first = torch.nn.Linear(2, 10)
        self.second = torch.nn.Linear(10, 1)

    def forward(self, x):
        x = self.first(x)
        x = self.second(x)
        return x

torch.manual_seed(42)
model = CirclePerceptron()
model = model.to(device)
print(model)

# %% [markdown]
# ### Exercise 4

# %%
loss_function = torch.nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

# %% [markdown]
# ### Exercise 5

# %%
loss_curve = []
acc_curve = []
epoch_numbers = []

for epoch in range(200):
    # forward
    logits = model(X_train)
    loss = loss_function(logits, y_train)
    # backward
    model.zero_grad()
    loss.backward()
    optimizer.step()

    if epoch % 10 == 9:
        with torch.no_grad():
            test_logits = model(X_test)
            test_probs = torch.sigmoid(test_logits)
            test_pred = torch.round(test_probs)
            test_loss = loss_function(test_logits, y_test)
            right = torch.eq(test_pred, y_test).sum().item()
            test_acc = right / 400 * 100
        loss_curve.append(loss.item())
        acc_curve.append(test_acc)
        epoch_numbers.append(epoch + 1)
        print("epoch", epoch + 1, "train loss", round(loss.item(), 4), "test loss", round(test_loss.item(), 4), "test accuracy", round(test_acc, 2), "percent")

# %%
plt.plot(epoch_numbers, loss_curve)
plt.title("train loss")
plt.show()
plt.plot(epoch_numbers, acc_curve)
plt.title("test accuracy")
plt.show()

# %% [markdown]
# ### Exercise 6
# Same thing but with a bend between the layers. I write the bend by myself.

# %%
def bend(x):
    return x.clamp(min=0)

class BendyPerceptron(torch.nn.Module):
    def __init__(self):
        super(BendyPerceptron, self).__init__()
        self.first = torch.nn.Linear(2, 40)
        self.second = torch.nn.Linear(40, 40)
        self.third = torch.nn.Linear(40, 1)

    def forward(self, x):
        x = bend(self.first(x))
        x = bend(self.second(x))
        x = self.third(x)
        return x

model_bendy = BendyPerceptron()
model_bendy = model_bendy.to(device)

# %% [markdown]
# ### Exercise 7

# %%
optimizer_bendy = torch.optim.SGD(model_bendy.parameters(), lr=0.1, momentum=0.9)

loss_curve_bendy = []
acc_curve_bendy = []
epoch_numbers_bendy = []

for epoch in range(300):
    # forward
    logits = model_bendy(X_train)
    loss = loss_function(logits, y_train)
    # backward
    model_bendy.zero_grad()
    loss.backward()
    optimizer_bendy.step()

    if epoch % 10 == 9:
        with torch.no_grad():
            test_logits = model_bendy(X_test)
            test_probs = torch.sigmoid(test_logits)
            test_pred = torch.round(test_probs)
            test_loss = loss_function(test_logits, y_test)
            right = torch.eq(test_pred, y_test).sum().item()
            test_acc = right / 400 * 100
        loss_curve_bendy.append(loss.item())
        acc_curve_bendy.append(test_acc)
        epoch_numbers_bendy.append(epoch + 1)
        print("epoch", epoch + 1, "train loss", round(loss.item(), 4), "test loss", round(test_loss.item(), 4), "test accuracy", round(test_acc, 2), "percent")

# %%
plt.plot(epoch_numbers_bendy, loss_curve_bendy)
plt.title("train loss, bendy model")
plt.show()
plt.plot(epoch_numbers_bendy, acc_curve_bendy)
plt.title("test accuracy, bendy model")
plt.show()

# %% [markdown]
# ### Exercise 8
# The border is where the logit is zero, so I only draw that line.

# %%
a = numpy.linspace(-1.4, 1.4, 120)
b = numpy.linspace(-1.4, 1.4, 120)
aa, bb = numpy.meshgrid(a, b)
grid_points = torch.tensor(numpy.array([aa.flatten(), bb.flatten()]).T, dtype=torch.float32).to(device)
with torch.no_grad():
    grid_logits = model_bendy(grid_points)
zz = grid_logits.cpu().numpy().reshape(120, 120)

plt.figure(figsize=(6, 6))
plt.contour(aa, bb, zz, levels=[0])
plt.scatter(X_train[:, 0].cpu(), X_train[:, 1].cpu(), c=y_train[:, 0].cpu(), s=8, cmap="RdYlBu")
plt.title("border on the train points")
plt.show()

plt.figure(figsize=(6, 6))
plt.contour(aa, bb, zz, levels=[0])
plt.scatter(X_test[:, 0].cpu(), X_test[:, 1].cpu(), c=y_test[:, 0].cpu(), s=8, cmap="RdYlBu")
plt.title("border on the test points")
plt.show()

# %% [markdown]
# ### Exercise 9

# %%
blob_X, blob_y = make_blobs(1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
blob_X = torch.from_numpy(blob_X).type(torch.float32)
blob_y = torch.from_numpy(blob_y).type(torch.LongTensor)

order = torch.randperm(1000, generator=gen)
blob_X_train = blob_X[order[:800]]
blob_y_train = blob_y[order[:800]]
blob_X_test = blob_X[order[800:]]
blob_y_test = blob_y[order[800:]]

# %%
class BlobPerceptron(torch.nn.Module):
    def __init__(self):
        super(BlobPerceptron, self).__init__()
        self.only = torch.nn.Linear(2, 4)

    def forward(self, x):
        return self.only(x)

model_blob = BlobPerceptron()
loss_function_blob = torch.nn.CrossEntropyLoss()
optimizer_blob = torch.optim.SGD(model_blob.parameters(), lr=0.1)

loss_curve_blob = []
acc_curve_blob = []
for epoch in range(150):
    logits = model_blob(blob_X_train)
    loss = loss_function_blob(logits, blob_y_train)
    optimizer_blob.zero_grad()
    loss.backward()
    optimizer_blob.step()

    if epoch % 10 == 9:
        with torch.no_grad():
            test_logits = model_blob(blob_X_test)
            test_loss = loss_function_blob(test_logits, blob_y_test)
            test_pred = torch.argmax(test_logits, dim=1)
            test_acc = torch.eq(test_pred, blob_y_test).sum().item() / 200 * 100
        loss_curve_blob.append(loss.item())
        acc_curve_blob.append(test_acc)
        print("epoch", epoch + 1, "train loss", round(loss.item(), 4), "test loss", round(test_loss.item(), 4), "test accuracy", round(test_acc, 2), "percent")

plt.plot(loss_curve_blob)
plt.title("blob train loss")
plt.show()
