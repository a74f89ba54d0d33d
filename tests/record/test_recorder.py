"""What the recorder must never do: change a weight, a random state or anything of the student's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.record.session import Session, run_sessions

SETUP = """
import copy, hashlib, random
import numpy as np, torch
from torch import nn
from sklearn.datasets import make_circles, make_blobs
X, y = make_circles(200, noise=0.05, random_state=42)
X, y = torch.tensor(X).float(), torch.tensor(y).float()

def mlp(outputs=1):
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, outputs))

def digest(*models):
    states = [value.detach().numpy().tobytes() for model in models for value in model.state_dict().values()]
    random_states = [
        repr(random.getstate()), repr(np.random.get_state()), repr(torch.get_rng_state().tolist())
    ]
    return [hashlib.sha256(b"".join(states)).hexdigest(), *(hash_of(state) for state in random_states)]

def hash_of(text):
    return hashlib.sha256(text.encode()).hexdigest()
"""

LOOPS = {
    "baseline": """
model = nn.Sequential(nn.Linear(2, 10), nn.Linear(10, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss_fn = nn.BCEWithLogitsLoss()
for epoch in range(60):
    model.train()
    loss = loss_fn(model(X).squeeze(), y)
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    if epoch % 10 == 0:
        model.eval()
        with torch.inference_mode():
            print(epoch, loss.item(), ((model(X).squeeze() > 0) == y).float().mean().item())
answer = digest(model)
""",
    "mini-batches with dropout and batch norm": """
model = nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), batch_size=32, shuffle=True)
for epoch in range(8):
    for points, labels in loader:
        loss = nn.functional.binary_cross_entropy_with_logits(model(points)[:, 0], labels)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    model.eval(); model(X); model.train()
    print(epoch, loss.item(), np.random.rand(), random.random())
answer = digest(model)
""",
    "blobs": """
points, labels = make_blobs(200, n_features=2, centers=4, cluster_std=1.5, random_state=42)
points, labels = torch.tensor(points).float(), torch.tensor(labels)
model = mlp(4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(40):
    loss = nn.CrossEntropyLoss()(model(points), labels)
    optimizer.zero_grad(); loss.backward(); optimizer.step()
answer = digest(model)
""",
    "a closure": """
model = mlp()
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5)
def closure():
    optimizer.zero_grad()
    loss = nn.functional.binary_cross_entropy_with_logits(model(X).squeeze(), y)
    loss.backward()
    return loss
for _ in range(4):
    optimizer.step(closure)
answer = digest(model)
""",
    "two models at once, one rebuilt": """
first, second = mlp(), mlp()
optimizers = [torch.optim.SGD(model.parameters(), lr=0.1) for model in (first, second)]
for epoch in range(10):
    if epoch == 5:
        second = mlp()
        optimizers[1] = torch.optim.SGD(second.parameters(), lr=0.1)
    for model, optimizer in zip((first, second), optimizers):
        loss = nn.functional.mse_loss(torch.sigmoid(model(X)).squeeze(), y)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
answer = digest(first, second)
""",
    "gradients by hand": """
model = mlp()
for epoch in range(10):
    loss = nn.functional.binary_cross_entropy_with_logits(model(X).squeeze(), y)
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    with torch.no_grad():
        for parameter, gradient in zip(model.parameters(), gradients):
            parameter -= 0.1 * gradient
answer = digest(model)
""",
}

UNTOUCHED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)
    def forward(self, rows):
        return self.layer(rows)
net = Net()
before = sorted(vars(net))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
held = sorted(vars(optimizer))
labels = (X @ torch.ones(2) > 0)
losses = []
for _ in range(5):
    loss = nn.functional.binary_cross_entropy_with_logits(net(X).squeeze(), y)
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    losses.append(loss.item())
answer = [
    sorted(vars(net)) == before, sorted(vars(optimizer)) == held, net.training,
    len(net._forward_hooks), len(optimizer._optimizer_step_pre_hooks),
    type(labels == labels).__name__, (labels == labels).all().item(), (labels == None), losses == losses[:],
    [p.grad is not None for p in net.parameters()], torch.is_grad_enabled(),
]
"""

FAULTS = """
def broken(*args, **kwargs):
    raise RuntimeError("broken on purpose")
training = type(_recorder._training)
for owner, name in [
    (training, "_detail"), (training, "evaluated"), (type(_recorder._comparisons), "_note"),
    (type(_recorder._names), "describe"), (type(_recorder._speech), "_say"),
]:
    setattr(owner, name, broken)
"""

RECYCLED = """
for number in range(30):
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = nn.functional.binary_cross_entropy_with_logits(model(X).squeeze(), y)
    loss.backward(); optimizer.step()
    del model, optimizer, loss
"""


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], Session]:
    """Every loop, recorded and not."""
    asked = [(name, recorded) for name in [*LOOPS, "untouched"] for recorded in (True, False)]
    code = {**LOOPS, "untouched": UNTOUCHED}
    played = run_sessions(
        tmp_path_factory.mktemp("sessions") / "all",
        [([SETUP, code[name]], recorded) for name, recorded in asked],
    )
    return dict(zip(asked, played, strict=True))


@pytest.mark.parametrize("name", LOOPS)
def test_weights_and_random_states_are_those_of_an_unrecorded_run(name: str, sessions: Any) -> None:
    recorded, plain = sessions[name, True], sessions[name, False]
    assert recorded.of("run")
    assert not recorded.of("problem")
    assert recorded.answer == plain.answer
    assert len(plain.answer) == 4


def test_nothing_of_the_students_is_changed(sessions: Any) -> None:
    assert sessions["untouched", True].answer == sessions["untouched", False].answer
    assert sessions["untouched", True].answer[:3] == [True, True, True]


def test_a_fault_of_a_watch_becomes_a_problem_and_nothing_else(tmp_path: Path) -> None:
    loop = LOOPS["baseline"]
    faulty, plain = run_sessions(
        tmp_path / "faults", [([SETUP, FAULTS, loop], True), ([SETUP, "pass", loop], False)]
    )
    assert faulty.answer == plain.answer
    told = " ".join(event["text"] for event in faulty.of("problem"))
    assert "broken on purpose" in told
    assert faulty.of("model"), "what is sound goes on recording"


def test_models_that_come_and_go_are_told_apart(tmp_path: Path) -> None:
    (session,) = run_sessions(tmp_path / "recycled", [([SETUP, RECYCLED], True)])
    runs = session.of("run")
    assert [run["backwards"] for run in runs] == [1] * 30
    assert len({run["model"] for run in runs}) == 30
