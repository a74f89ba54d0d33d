"""What is written down of a training loop: its order, resets and moves, its runs, snapshots, prints and names."""

from __future__ import annotations

from typing import Any

import pytest

from tests.record.session import Session, run_sessions
from tests.record.test_recorder import SETUP

MODEL = """
model = nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
def loss_of():
    return nn.functional.binary_cross_entropy_with_logits(model(X).squeeze(), y)
"""

LOOPS = {
    "normal": "optimizer.zero_grad(); loss = loss_of(); loss.backward(); optimizer.step()",
    "no zero_grad": "loss = loss_of(); loss.backward(); optimizer.step()",
    "zero_grad before step": "loss = loss_of(); loss.backward(); optimizer.zero_grad(); optimizer.step()",
    "no step": "loss = loss_of(); optimizer.zero_grad(); loss.backward()",
    "no backward": "loss = loss_of(); optimizer.zero_grad(); optimizer.step()",
    "by hand": """loss = loss_of(); loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.1 * parameter.grad
            parameter.grad = None""",
    "accumulation": """(loss_of() / 3).backward()
    if turn % 3 == 2:
        optimizer.step(); optimizer.zero_grad()""",
    "reset by the model": "model.zero_grad(); loss_of().backward(); optimizer.step()",
    "gradients handed out": """made = torch.autograd.grad(loss_of(), list(model.parameters()))
    for parameter, gradient in zip(model.parameters(), made):
        parameter.grad = gradient
    optimizer.step()""",
}

PROBES = {
    "closure": """
optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)
def closure():
    optimizer.zero_grad(); loss = loss_of(); loss.backward(); return loss
optimizer.step(closure)
""",
    "two models": """
other = mlp()
second = torch.optim.SGD(other.parameters(), lr=0.1)
for _ in range(4):
    loss = loss_of(); optimizer.zero_grad(); loss.backward(); optimizer.step()
    loss = nn.functional.mse_loss(other(X).squeeze(), y)
    second.zero_grad(); loss.backward(); second.step()
""",
    "a second loop without backward": """
for _ in range(4):
    loss = loss_of(); optimizer.zero_grad(); loss.backward(); optimizer.step()
other = mlp()
second = torch.optim.SGD(other.parameters(), lr=0.1)
for _ in range(3):
    loss = nn.functional.mse_loss(other(X).squeeze(), y); second.zero_grad(); second.step()
    print("loss", loss.item())
""",
    "two optimizers in turn": """
for _ in range(4):
    loss = loss_of(); optimizer.zero_grad(); loss.backward(); optimizer.step()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(3):
    loss = loss_of(); optimizer.zero_grad(); loss.backward(); optimizer.step()
""",
    "long": """
losses, kept = [], {"accuracy": []}
for epoch in range(500):
    loss = loss_of(); optimizer.zero_grad(); loss.backward(); optimizer.step()
    with torch.no_grad():
        logits = model(X).squeeze()
    kept["accuracy"].append(((logits > 0) == y).float().mean().item())
    losses.append(loss.item())
    if epoch % 100 == 0:
        print(f"epoch {epoch} loss {loss.item():.4f}")
""",
    "in a function": """
def fit(model, rate):
    history = []
    inner = X[:50] * 2
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    for _ in range(5):
        loss = nn.functional.binary_cross_entropy_with_logits(model(inner).squeeze(), y[:50])
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        history.append(loss.item())
fit(model, 0.1)
""",
    "activations without layers": """
squash = nn.Sequential(nn.Flatten(), nn.Sigmoid())
squash(X)
for _ in range(2):
    loss = loss_of(); optimizer.zero_grad(); loss.backward(); optimizer.step()
""",
    "tensors in a tuple": """
pair = (torch.ones(2), torch.ones(1), torch.ones(3))
answers = [0.5, 0.25, 0.125]
""",
}


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Session]:
    loops = {name: f"for turn in range(9):\n    {body}\n" for name, body in LOOPS.items()}
    code = {**loops, **PROBES}
    played = run_sessions(
        tmp_path_factory.mktemp("sessions") / "all",
        [([SETUP, MODEL, f"{cell}\nanswer = 1"], True) for cell in code.values()],
    )
    return dict(zip(code, played, strict=True))


def only_run(session: Session) -> Any:
    (run,) = session.of("run")
    return run


@pytest.mark.parametrize(
    ("name", "order", "moved"),
    [
        ("normal", "ZBS" * 9, True),
        ("no zero_grad", "BS" * 9, True),
        ("zero_grad before step", "BZS" * 9, False),
        ("no step", "ZB" * 9, False),
        ("by hand", "B" * 9, True),
        ("accumulation", "BBBSZ" * 3, True),
        ("reset by the model", "ZBS" * 9, True),
        ("gradients handed out", "ZBS" * 9, True),
    ],
)
def test_order_and_movement(name: str, order: str, moved: bool, sessions: dict[str, Session]) -> None:
    run = only_run(sessions[name])
    assert run["order"] == order
    assert (run["backwards"], run["steps"], run["resets"]) == tuple(map(order.count, "BSZ"))
    seen = [detail["moved"] for detail in run["details"] if detail["moved"] is not None]
    assert any([*seen, run["moved_at_end"]]) is moved


def test_gradients_that_were_never_reset_are_there_before_the_next_backward(
    sessions: dict[str, Session],
) -> None:
    def left(name: str) -> list[bool]:
        return [bool(detail["grads_before"]) for detail in only_run(sessions[name])["details"][1:]]

    assert all(left("no zero_grad"))
    assert not any(left("gradients handed out"))
    assert not any(left("normal"))


def test_a_loop_without_backward_trains_nothing(sessions: dict[str, Session]) -> None:
    assert all(run["backwards"] == 0 for run in sessions["no backward"].of("run"))


def test_a_second_loop_without_backward_is_a_run_of_its_own(sessions: dict[str, Session]) -> None:
    session = sessions["a second loop without backward"]
    sound, idle = session.of("run")
    assert (sound["backwards"], sound["steps"], idle["backwards"], idle["steps"]) == (4, 4, 0, 3)
    assert sound["model"] != idle["model"]
    said = [(line["run"], line["step"]) for line in session.of("say")]
    assert said == [(idle["run"], step) for step in (1, 2, 3)]


def test_a_closure_counts_its_backward_passes(sessions: dict[str, Session]) -> None:
    run = only_run(sessions["closure"])
    assert run["steps"] == 1
    assert run["backwards"] == run["resets"] >= 2


def test_each_model_has_a_run_of_its_own(sessions: dict[str, Session]) -> None:
    first, second = sessions["two models"].of("run")
    assert first["model"] != second["model"]
    assert first["order"] == second["order"] == "ZBS" * 4


def test_a_new_optimizer_begins_a_new_run(sessions: dict[str, Session]) -> None:
    runs = sessions["two optimizers in turn"].of("run")
    assert [run["backwards"] for run in runs] == [4, 3]
    assert len({run["model"] for run in runs}) == 1


def test_a_long_run_keeps_all_losses_and_few_snapshots(sessions: dict[str, Session]) -> None:
    session = sessions["long"]
    run = only_run(session)
    kept = next(event for event in session.of("name") if event["name"] == "losses")
    assert session.arrays[run["losses"]].tolist() == session.arrays[kept["values"]].tolist()
    steps = [snapshot["step"] for snapshot in run["snapshots"]]
    assert 20 <= len(steps) <= 41
    assert (steps[0], steps[-1]) == (0, 500)
    assert len(run["details"]) < 20


def test_prints_carry_the_step_at_which_they_were_said(sessions: dict[str, Session]) -> None:
    said = sessions["long"].of("say")
    assert [(line["step"], line["text"].split()[1]) for line in said] == [
        (1 + epoch, str(epoch)) for epoch in range(0, 500, 100)
    ]


def test_comparisons_are_counted(sessions: dict[str, Session]) -> None:
    session = sessions["long"]
    (compared,) = session.of("comparison")
    accuracy = next(event for event in session.of("name") if event["name"] == "kept['accuracy']")
    shares = [true / total for _, _, true, total in compared["results"]]
    assert shares == pytest.approx(session.arrays[accuracy["values"]].tolist(), abs=1e-6)


def test_names_inside_a_function_are_seen(sessions: dict[str, Session]) -> None:
    local = {event["name"]: event for event in sessions["in a function"].of("name") if event["local"]}
    assert local["inner"]["shape"] == [50, 2]
    assert local["history"]["type"] == "series"
    assert local["history"]["shape"] == [5]


def test_containers_without_layers_do_not_hide_models(sessions: dict[str, Session]) -> None:
    assert only_run(sessions["activations without layers"])["order"] == "ZBSZBS"


def test_a_tuple_of_tensors_costs_no_other_name_its_event(sessions: dict[str, Session]) -> None:
    session = sessions["tensors in a tuple"]
    assert not session.of("problem")
    assert {"answers", "pair[0]", "pair[2]"} <= {event["name"] for event in session.of("name")}
