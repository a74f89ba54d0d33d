import torch
import torch.nn as nn
from sklearn.datasets import make_circles
from sklearn.datasets import make_blobs
from sklearn.model_selection import train_test_split
from matplotlib import pyplot as plt
import numpy as np


def exercise1():
    X, y = make_circles(2000, noise=0.05, random_state=42)
    print("Shape of X is ", X.shape)
    print("Shape of y is ", y.shape)
    print("The second dimension is ", X.shape[1], " because we have 2 coordinates for each point")
    print("First 3 values")
    print(X[0], y[0])
    print(X[1], y[1])
    print(X[2], y[2])
    return X, y


def exercise2(X, y):
    X = torch.from_numpy(X.astype(np.float32))
    y = torch.from_numpy(y.astype(np.float32))
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    print(X_train.shape, X_test.shape, y_train.shape, y_test.shape)
    return X_train, X_test, y_train, y_test


class MyModel1(nn.Module):
    def __init__(self):
        super(MyModel1, self).__init__()
        self.linear1 = nn.Linear(2, 5)
        self.linear2 = nn.Linear(5, 1)

    def forward(self, x):
        x = self.linear1(x)
        x = self.linear2(x)
        return x


def exercise3():
    model1 = MyModel1()
    if torch.cuda.is_available():
        model1 = model1.to("cuda")
    print(model1)
    return model1


def exercise4(model1):
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.SGD(model1.parameters(), lr=0.1)
    return loss_fn, optimizer


def my_accuracy(outputs, targets):
    good = 0
    for o, t in zip(outputs, targets):
        if o.item() > 0 and t.item() == 1:
            good = good + 1
        elif o.item() <= 0 and t.item() == 0:
            good = good + 1
    return good / len(targets) * 100


def exercise5(model1, loss_fn, optimizer, X_train, X_test, y_train, y_test, epochs=100):
    loss_curve = []
    acc_curve = []
    for epoch in range(0, epochs):
        output = model1(X_train)
        loss = loss_fn(output.reshape(-1), y_train)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch % 10 == 0:
            acc = my_accuracy(model1(X_test), y_test)
            loss_curve.append(loss.detach().numpy())
            acc_curve.append(acc)
            print("Epoch", epoch)
            print("Loss", loss)
            print("Accuracy", acc)
    plt.plot(loss_curve)
    plt.title("loss curve")
    plt.show()
    plt.plot(acc_curve)
    plt.title("acc curve")
    plt.show()


class MyModel2(nn.Module):
    def __init__(self):
        super(MyModel2, self).__init__()
        self.linear1 = nn.Linear(2, 100)
        self.linear2 = nn.Linear(100, 50)
        self.linear3 = nn.Linear(50, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        x = self.linear1(x)
        x = self.sigmoid(x)
        x = self.linear2(x)
        x = self.sigmoid(x)
        x = self.linear3(x)
        return x


def exercise7(model2, X_train, X_test, y_train, y_test):
    loss_fn = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model2.parameters(), lr=0.02)
    exercise5(model2, loss_fn, optimizer, X_train, X_test, y_train, y_test, epochs=300)


def exercise8(model2, X, y, title):
    points = []
    for a in range(-30, 31):
        for b in range(-30, 31):
            points.append([a / 20, b / 20])
    points = torch.tensor(points)
    answers = (torch.sigmoid(model2(points)) > 0.5).int().reshape(-1)
    plt.scatter(points[:, 0], points[:, 1], c=answers, cmap="Pastel1", marker="s", s=20)
    plt.scatter(X[:, 0], X[:, 1], c=y, cmap="Set1", s=5)
    plt.title(title)
    plt.show()


def exercise9():
    X, y = make_blobs(n_samples=1000, n_features=2, centers=4, cluster_std=1.5, random_state=42)
    X = torch.from_numpy(X.astype(np.float32))
    y = torch.from_numpy(y)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    model3 = nn.Sequential(nn.Linear(2, 10), nn.Sigmoid(), nn.Linear(10, 4))
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model3.parameters(), lr=0.05)
    for epoch in range(0, 200):
        output = model3(X_train)
        loss = loss_fn(output, y_train)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if epoch % 20 == 0:
            print("Epoch", epoch, "Loss", loss)
    good = 0
    for o, t in zip(model3(X_test), y_test):
        if torch.argmax(o) == t:
            good += 1
    print("Accuracy", good / len(y_test))


X, y = exercise1()
X_train, X_test, y_train, y_test = exercise2(X, y)
model1 = exercise3()
loss_fn, optimizer = exercise4(model1)
exercise5(model1, loss_fn, optimizer, X_train, X_test, y_train, y_test)
model2 = MyModel2()
exercise7(model2, X_train, X_test, y_train, y_test)
exercise8(model2, X_train, y_train, "train")
exercise8(model2, X_test, y_test, "test")
exercise9()
