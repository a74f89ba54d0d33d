"""Classification lab. Everything lazily evaluated, because why not."""
from collections import namedtuple
from functools import partial, wraps
from itertools import islice
from time import perf_counter
from typing import Callable, Iterator, NamedTuple

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import make_blobs, make_circles
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

Data = namedtuple("Data", "x y")


class Metrics(NamedTuple):
    epoch: int
    loss: float
    accuracy: float


def timed(function):
    @wraps(function)
    def wrapper(*args, **kwargs):
        begin = perf_counter()
        result = function(*args, **kwargs)
        print(f"[{function.__name__} took {perf_counter() - begin:.2f} s]")
        return result
    return wrapper


def look_at(x, y) -> None:
    print("Samples x features:", x.shape)
    print("Labels:", y.shape)
    print(f"Each sample consists of {x.shape[1]} features.")
    for i in range(0, 2000, 400):
        print(i, x[i], y[i])


def prepare(x, y, label_type) -> tuple[Data, Data]:
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=42)
    pack = lambda a, b: Data(torch.as_tensor(a, dtype=torch.float32), torch.as_tensor(b, dtype=label_type))
    return pack(x_train, y_train), pack(x_test, y_test)


def correct(logits: Tensor, y: Tensor) -> Tensor:
    match logits.ndim:
        case 1:
            return logits.sigmoid().gt(0.5).eq(y.bool())
        case 2:
            return logits.softmax(-1).argmax(-1).eq(y)
        case _:
            raise ValueError(logits.shape)


@torch.no_grad()
def measure(model: nn.Module, data: Data, loss_fn: Callable, epoch: int) -> Metrics:
    logits = model(data.x)
    return Metrics(epoch, loss_fn(logits, data.y).item(), correct(logits, data.y).float().mean().item())


def epochs_of(model, train: Data, test: Data, loss_fn, optimizer, size=64) -> Iterator[Metrics]:
    epoch = 0
    while True:
        epoch += 1
        for rows in torch.randperm(len(train.x)).split(size):
            loss = loss_fn(model(train.x[rows]), train.y[rows])
            model.zero_grad()
            loss.backward()
            optimizer.step()
        yield measure(model, test, loss_fn, epoch)


@timed
def run(model, train, test, loss_fn, optimizer, n) -> list[Metrics]:
    history = []
    for metrics in islice(epochs_of(model, train, test, loss_fn, optimizer), n):
        history.append(metrics)
        if metrics.epoch % 10 == 0:
            print("epoch {0.epoch:4d}: loss {0.loss:.5f} accuracy {0.accuracy:.1%}".format(metrics))
    return history


def plot(history: list[Metrics], name: str) -> None:
    fig, left = plt.subplots()
    right = left.twinx()
    left.plot([m.epoch for m in history], [m.loss for m in history], "r", label="loss")
    right.plot([m.epoch for m in history], [m.accuracy for m in history], "b", label="accuracy")
    left.set_xlabel("epoch")
    left.set_title(name)
    plt.savefig(name.replace(" ", "_") + ".png")
    plt.show()


class Flat(nn.Module):
    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).squeeze(1)


def regions(model: nn.Module, data: Data, title: str) -> None:
    span = torch.linspace(-1.4, 1.4, 150)
    with torch.no_grad():
        z = model(torch.cartesian_prod(span, span)).gt(0).view(150, 150).float()
    plt.figure()
    plt.pcolormesh(span, span, z.T, cmap="PiYG", alpha=0.4)
    plt.scatter(data.x[:, 0], data.x[:, 1], c=data.y, cmap="PiYG", s=5)
    plt.title(title)
    plt.show()


if __name__ == "__main__":
    circles_x, circles_y = make_circles(2000, noise=0.05, random_state=42)
    look_at(circles_x, circles_y)
    train, test = prepare(circles_x, circles_y, torch.float32)

    bce = nn.BCEWithLogitsLoss()
    sgd = partial(torch.optim.SGD, lr=0.1)
    flat = Flat(nn.Linear(2, 5), nn.Linear(5, 1))
    plot(run(flat, train, test, bce, sgd(flat.parameters()), 40), "linear model")

    bent = Flat(nn.Linear(2, 64), nn.Hardswish(), nn.Linear(64, 64), nn.Hardswish(), nn.Linear(64, 1))
    plot(run(bent, train, test, bce, partial(torch.optim.Adamax, lr=0.01)(bent.parameters()), 30), "non-linear model")
    regions(bent, train, "boundary (train)")
    regions(bent, test, "boundary (test)")

    blobs_train, blobs_test = prepare(*make_blobs(1000, n_features=2, centers=4, cluster_std=1.5, random_state=42), torch.int64)
    four = nn.Linear(2, 4)
    plot(run(four, blobs_train, blobs_test, nn.CrossEntropyLoss(), partial(torch.optim.SGD, lr=0.05, momentum=0.9)(four.parameters()), 30), "four blobs")
