"""True reports stay true in every wording; the known slips are named; the rest is untrue or, in doubt, unchecked."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.evidence.claims import read_numbers
from grader.evidence.markers import Markers
from grader.evidence.reports import reported
from grader.evidence.truth import judge_outside, judge_reports
from grader.model.evidence import OTHER_READING, Measured, RunEvidence
from grader.model.figures import Axes, Figure, Line
from grader.model.reported import Claim, Comparison, Reports, Series
from tests.evidence.building import events, name_event, notebook
from tests.evidence.course import EPOCHS, PER_EPOCH, TEST, TRAIN, Simulated, said, series, simulated

SIM = simulated()
FULL = simulated(batch=TRAIN, epochs=120)
E10 = 10 * PER_EPOCH


def judged(
    sim: Simulated, text: str, step: int, comparisons: tuple[Comparison, ...] | None = None
) -> tuple[Claim, ...]:
    used = sim.comparisons if comparisons is None else comparisons
    return judge_reports(sim.run, [said(text, step)], (), (), used, train_size=TRAIN, test_size=TEST).claims


def kept(sim: Simulated, *rows: Series, comparisons: tuple[Comparison, ...] | None = None) -> Reports:
    used = sim.comparisons if comparisons is None else comparisons
    return judge_reports(sim.run, (), rows, (), used, train_size=TRAIN, test_size=TEST)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Epoch 10 | Loss: 0.6931, Acc: 48.50%", [("loss", 0.6931), ("accuracy", 48.5)]),
        ("loss=0.69 acc=0.48", [("loss", 0.69), ("accuracy", 0.48)]),
        ("Epoca 10: pierdere 0.693, acuratețe 50.1%", [("loss", 0.693), ("accuracy", 50.1)]),
        ("Epoca 10/100 - eroare: 0.69; corect: 50.1 %", [("loss", 0.69), ("accuracy", 50.1)]),
        ("Époque 3 : perte = 0.512, exactitude = 0.75", [("loss", 0.512), ("accuracy", 0.75)]),
        ("Epoche 3: Verlust 0.512, Genauigkeit 75.0%", [("loss", 0.512), ("accuracy", 75.0)]),
        ("época 3: pérdida 0.512", [("loss", 0.512)]),
        ("10\t0.6931\t0.5", [(None, 0.6931), (None, 0.5)]),
        ("{'epoch': 10, 'loss': 0.6931, 'acc': np.float64(0.5)}", [("loss", 0.6931), ("accuracy", 0.5)]),
        ("loss: tensor(0.6931, grad_fn=<MeanBackward0>)", [("loss", 0.6931)]),
        ("acc tensor(0.5012, device='cuda:0')", [("accuracy", 0.5012)]),
        ("Epoch [10/100], Train Loss: 0.0221, Test Acc: 50.00%", [("loss", 0.0221), ("accuracy", 50.0)]),
        ("10 J = 0.69 accuracy = 0.5", [("loss", 0.69), ("accuracy", 0.5)]),
        ("  10%|█ | 10/100 [00:01<00:09, 9.8it/s, loss=0.69, acc=0.5]", [("loss", 0.69), ("accuracy", 0.5)]),
        ("loss after 100 epochs: 0.69", [("loss", 0.69)]),
        ("Loss at epoch 10: 0.69 lr 0.1", [("loss", 0.69)]),
        ("train_loss 6.9e-01   test_loss   7.0e-1", [("loss", 0.69), ("loss", 0.70)]),
        ("train/test loss: 0.69/0.70", [("loss", 0.69), ("loss", 0.70)]),
        ("correct: 200/400 (50.0%)", [("accuracy", 50.0)]),
        ("lr 0.1, seed 42, 3.2s, time 0.71, grad norm 0.3", []),
        ("F1: 0.61 precision 0.52 recall 0.44", []),
        ("torch.Size([1600, 2]) torch.float32 v2.13.0 x1 MeanBackward0", []),
        ("Epoch 10/100", []),
    ],
)
def test_numbers_are_read_from_any_wording(text: str, expected: list[tuple[str | None, float]]) -> None:
    assert [(number.meaning, number.value) for number in read_numbers(text)] == expected


def test_parts_are_read_from_the_words() -> None:
    parts = [number.part for number in read_numbers("train: loss 0.69 acc 0.5 | test: loss 0.7 acc 0.51")]
    assert parts == ["train", "train", "test", "test"]
    assert [number.part for number in read_numbers("Test accuracy (before training): 0.52")] == ["test"]


def honest_lines() -> list[tuple[str, str, int]]:
    """(name, line, step) of truthful reports in many habits."""
    losses, means, train, test = SIM.losses, SIM.means(), SIM.train, SIM.test
    epoch = losses[E10 - PER_EPOCH : E10]
    near, last = test[E10], losses[E10 - 1]
    whole = (TRAIN * train[E10][0] + TEST * test[E10][0]) / (TRAIN + TEST)
    return [
        ("last batch", f"Epoch 10 | Loss: {last:.4f}", E10),
        ("two digits", f"Epoch 10 | Loss: {last:.2f}", E10),
        ("epoch mean", f"loss={means[9]:.5f}", E10),
        ("epoch sum", f"total loss {epoch.sum():.3f}", E10),
        ("sum over rows", f"total loss {epoch.mean() * TRAIN:.2f}", E10),
        ("mean so far", f"batch 20 avg loss {losses[E10 : E10 + 20].mean():.4f}", E10 + 20),
        ("next loss, printed before backward", f"loss {losses[E10]:.5f}", E10),
        ("train recomputed", f"Train Loss: {train[E10][0]:.4f}", E10),
        ("test recomputed", f"Test Loss: {near[0]:.4f}", E10),
        ("test before the step", f"epoch 11 test loss: {near[0]:.4f}", E10 + 1),
        ("all rows", f"loss over everything: {whole:.4f}", E10),
        ("percent", f"Test Acc: {near[1] * 100:.2f}%", E10),
        ("percent without sign", f"Test Acc: {near[1] * 100:.1f}", E10),
        ("fraction", f"Test Acc: {near[1]:.4f}", E10),
        ("fraction with a percent sign", f"Test Acc: {near[1]:.4f}%", E10),
        ("train accuracy", f"Train Acc: {train[E10][1]:.2%}", E10),
        ("running accuracy", f"Train Acc: {SIM.running[9]:.2%}", E10),
        ("batch accuracy", f"acc {SIM.comparisons[0].results[E10 - 1][2] / 32:.3f}", E10),
        (
            "both",
            f"Epoch [10/40], Train Loss: {means[9]:.4f}, Test Loss: {near[0]:.4f}, Test Acc: {near[1]:.2%}",
            E10,
        ),
        ("table", f"10\t{means[9]:.5f}\t{near[1]:.4f}", E10),
        ("tuple", f"(10, {means[9]!r}, {near[1]!r})", E10),
        ("dict", str({"epoch": 10, "loss": float(means[9]), "acc": np.float64(near[1])}), E10),
        ("tensor", f"loss: tensor({last:.4f}, grad_fn=<BinaryCrossEntropyWithLogitsBackward0>)", E10),
        ("Romanian", f"Epoca 10: pierdere {means[9]:.3f}, acuratețe pe test {near[1] * 100:.1f} %", E10),
        ("words after", f"Epoch 10: {means[9]:.4f} loss, {near[1]:.4f} accuracy", E10),
        ("mean over ten epochs", f"mean loss of 10 epochs: {losses[:E10].mean():.5f}", E10),
        ("last hundred", f"running loss {losses[E10 - 100 : E10].mean():.5f}", E10),
        ("best so far", f"best loss {means[:10].min():.5f}", E10),
        ("error rate", f"error: {1 - near[1]:.4f}", E10),
        ("loss times 100", f"loss {means[9] * 100:.3f}", E10),
        ("learning rate beside", f"lr 0.0001 | loss {last:.4f} | 12.7s | f1 0.31", E10),
        ("first batch", f"step 1 loss {losses[0]:.4f}", 1),
        ("at the end", f"Final test loss: {test[EPOCHS * PER_EPOCH][0]:.4f}", EPOCHS * PER_EPOCH),
        ("batches' mean of the test", f"test loss {near[0] * 1.004:.4f}", E10),
    ]


@pytest.mark.parametrize(
    ("name", "text", "step"), honest_lines(), ids=[name for name, _, _ in honest_lines()]
)
def test_honest_lines_are_true(name: str, text: str, step: int) -> None:
    found = judged(SIM, text, step)
    assert found, name
    assert {claim.verdict for claim in found} == {"true"}, [
        (claim.text, claim.explanation) for claim in found
    ]


@pytest.mark.parametrize(
    "text",
    [
        "smoothed loss 0.9", "val loss: 5.1", "improvement in loss 0.31",
    ],
)  # fmt: skip
def test_figures_of_another_kind_are_never_refuted(text: str) -> None:
    assert {claim.verdict for claim in judged(SIM, text, E10)} <= {"unchecked", "true"}


def test_accuracies_computed_without_comparisons_pass_within_a_band() -> None:
    for epoch, share in enumerate(SIM.running, 1):
        (claim,) = judged(SIM, f"Train Acc: {share:.2%}", epoch * PER_EPOCH, comparisons=())
        assert claim.verdict == "true", (epoch, claim.explanation)


@settings(max_examples=40, deadline=None)
@given(epoch=st.integers(1, EPOCHS), digits=st.integers(2, 8))
def test_epoch_means_are_true_at_any_rounding(epoch: int, digits: int) -> None:
    found = judged(SIM, f"loss: {SIM.means()[epoch - 1]:.{digits}f}", epoch * PER_EPOCH)
    assert [claim.verdict for claim in found] == ["true"]


# ---------------------------------------------------------------- slips


@pytest.mark.parametrize("count", [1569, 1600, 32, 49, 400])
def test_an_epochs_sum_over_another_count_is_named(count: int) -> None:
    total = SIM.losses[E10 - PER_EPOCH : E10].sum()
    (claim,) = judged(SIM, f"Train Loss: {total / count:.6f}", E10)
    if abs(total / count - SIM.means()[9]) > 0.1 * SIM.means()[9]:
        assert (claim.verdict, claim.code) == ("slip", "metric-wrong-denominator")
        assert str(count) in (claim.explanation or "") and "instead of 50" in (claim.explanation or "")
        assert claim.truth == pytest.approx(SIM.means()[9])
    else:
        assert claim.verdict == "unchecked"


def test_four_digits_are_enough_to_name_the_last_row_as_divisor() -> None:
    total = SIM.losses[E10 - PER_EPOCH : E10].sum()
    (claim,) = judged(SIM, f"Epoch [10/100], Train Loss: {total / 1569:.4f}", E10)
    assert claim.code == "metric-wrong-denominator" and "1569" in (claim.explanation or "")


def test_a_comparison_of_a_column_with_a_row_is_named() -> None:
    step = EPOCHS * PER_EPOCH
    (claim,) = judged(SIM, f"Test Acc: {SIM.spread_share:.2%}", step, (SIM.spread,))
    assert (claim.verdict, claim.code) == ("slip", "metric-broadcast")
    assert "400 × 400" in (claim.explanation or "")
    assert claim.truth == pytest.approx(SIM.test[step][1] * 100)


def test_a_spread_count_over_the_rows_is_named() -> None:
    share = SIM.spread_share * TEST
    (claim,) = judged(SIM, f"Test Acc: {share * 100:.1f}%", EPOCHS * PER_EPOCH, (SIM.spread,))
    assert claim.code == "metric-broadcast"


def test_right_answers_over_another_count_are_named() -> None:
    right = SIM.running[9] * TRAIN
    (claim,) = judged(SIM, f"Train Acc: {right / TEST * 100:.2f}%", E10)
    assert (claim.verdict, claim.code) == ("slip", "metric-wrong-denominator")
    assert "instead of 1600" in (claim.explanation or "")


@pytest.mark.parametrize(
    "text", ["Train Loss: 0.0031", "Train Loss: 123.4", "Test Loss: 4.2", "Test Acc: 12.0%", "acc: 0.05"]
)
def test_invented_figures_are_untrue(text: str) -> None:
    (claim,) = judged(SIM, text, EPOCHS * PER_EPOCH)
    assert (claim.verdict, claim.code) == ("untrue", "metric-untrue")


def test_without_anything_to_compare_with_nothing_is_judged() -> None:
    bare = replace(SIM, run=replace(SIM.run, measured=(), losses=np.zeros(0)))
    found = judged(bare, "loss 0.5 acc 0.7", 0, comparisons=())
    assert [claim.verdict for claim in found] == ["unchecked", "unchecked"]


def test_a_comparison_that_the_weights_contradict_does_not_make_a_figure_true() -> None:
    step = EPOCHS * PER_EPOCH
    rounded = Comparison(None, 5, (TEST,), (TEST,), (("r0", step, 90, TEST),))
    (claim,) = judged(SIM, f"Test Acc: {90 / TEST:.2%}", step, (rounded,))
    assert claim.verdict == "untrue" and "do not confirm" in (claim.explanation or "")


def against_itself() -> Simulated:
    """As if each test loss had been taken against the model's own predictions, too."""
    points = [
        replace(point, mistaken={"test": {"own-predictions": 0.93 * (point.test_loss or 0.0)}})
        for point in SIM.run.measured
    ]
    return replace(SIM, run=replace(SIM.run, measured=tuple(points)))


@pytest.mark.parametrize("label", ["test loss", "pierdere"])
def test_a_loss_against_the_models_own_predictions_is_named_even_without_the_word_test(label: str) -> None:
    sim = against_itself()
    lines = [said(f"{label} {0.93 * sim.test[step][0]:.5f}", step) for step in (E10, 2 * E10, 3 * E10)]
    found = judge_reports(sim.run, lines, (), (), (), train_size=TRAIN, test_size=TEST).claims
    assert {claim.code for claim in found} == {"loop-test-loss-against-predictions"}


@pytest.mark.parametrize("error", [0.0, 0.01])
def test_a_kept_loss_against_the_models_own_predictions_is_named(error: float) -> None:
    sim = against_itself()
    row = [(0.93 + error) * sim.test[step][0] for step in range(E10, len(SIM.losses) + 1, E10)]
    named = [claim.code for claim in kept(sim, series("test_losses", row)).claims]
    assert (named == ["loop-test-loss-against-predictions"]) is (not error)


@pytest.mark.parametrize("against", ["labels", "predictions"])
def test_once_all_predictions_are_right_the_first_losses_tell(against: str) -> None:
    points = [
        replace(
            point, mistaken={"test": {"own-predictions": (point.test_loss or 0.0) * (1 - 0.01 * (n < 3))}}
        )
        for n, point in enumerate(SIM.run.measured)
    ]
    sim = replace(SIM, run=replace(SIM.run, measured=tuple(points)))
    row = [
        point.mistaken["test"]["own-predictions"] if against == "predictions" else point.test_loss
        for point in points[1:]
    ]
    (claim,) = kept(sim, series("test_losses", row)).claims
    assert (claim.verdict, claim.code) == (
        ("true", None) if against == "labels" else ("slip", "loop-test-loss-against-predictions")
    )


@pytest.mark.parametrize("slip", [None, "metric-sigmoid-twice"])
def test_a_flat_row_without_a_name_is_the_accuracy_of_a_part_that_stands_still(slip: str | None) -> None:
    steps = range(E10, len(SIM.losses) + 1, E10)
    in_turns = tuple(
        ("r0", step, agreed, total) for step in steps for agreed, total in ((790, TRAIN), (210, TEST))
    )
    both = Comparison(None, 5, (TEST,), (TEST,), in_turns, slip=slip)
    claims = kept(SIM, series("a", [210 / TEST] * len(steps)), comparisons=(both,)).claims
    assert [(claim.meaning, claim.code) for claim in claims] == [("accuracy", slip)]


def test_a_loss_of_the_step_that_happens_to_equal_it_is_not() -> None:
    sim = against_itself()
    losses = sim.run.losses.copy()
    steps = (E10, 2 * E10, 3 * E10)
    losses[[step - 1 for step in steps]] = [0.93 * sim.test[step][0] for step in steps]
    run = replace(sim.run, losses=losses)
    lines = [said(f"loss {losses[step - 1]:.5f}", step) for step in steps]
    found = judge_reports(run, lines, (), (), (), train_size=TRAIN, test_size=TEST).claims
    assert {claim.verdict for claim in found} == {"true"}


def test_once_the_loss_is_no_number_no_accuracy_is_refuted() -> None:
    losses = np.where(np.arange(len(SIM.losses)) < E10, SIM.losses, np.nan)
    measured = tuple(point for point in SIM.run.measured if point.step < E10)
    broken = replace(SIM, run=replace(SIM.run, losses=losses, measured=measured))
    text = "test accuracy 0.031"
    assert [claim.verdict for claim in judged(broken, text, 2 * E10, ())] == ["unchecked"]
    assert [claim.verdict for claim in judged(SIM, text, 2 * E10, ())] == ["untrue"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("strange", [np.inf, np.nan])
def test_losses_that_are_no_numbers_are_compared_without_a_warning(strange: float) -> None:
    losses = np.where(np.arange(len(SIM.losses)) < E10, SIM.losses, strange)
    run = replace(SIM.run, losses=losses)
    row = np.linspace(1.0, 0.3, EPOCHS)
    lines = [said("loss 0.0173, accuracy 0.5", 2 * E10)]
    judge_reports(run, lines, [series("losses", row)], (), (), train_size=TRAIN, test_size=TEST)


def test_lines_of_another_run_are_not_read() -> None:
    reports = judge_reports(
        SIM.run, [said("loss 0.001", E10, run="r1")], (), (), (), train_size=TRAIN, test_size=TEST
    )
    assert reports.claims == () and reports.epochs == EPOCHS


def test_printed_steps_are_each_named_once() -> None:
    lines = [said(f"loss {SIM.means()[e - 1]:.4f} acc 0.5", e * PER_EPOCH) for e in (10, 20, 20)]
    reports = judge_reports(SIM.run, lines, (), (), SIM.comparisons, train_size=TRAIN, test_size=TEST)
    assert reports.printed_steps == (500, 1000)


# ---------------------------------------------------------------- kept and drawn rows


def honest_rows() -> list[tuple[str, list[float]]]:
    ends = [(epoch + 1) * PER_EPOCH for epoch in range(EPOCHS)]
    return [
        ("losses", list(SIM.losses)),
        ("loss_curve", list(SIM.means())),
        ("train_loss", list(SIM.means()[9::10])),
        ("train_loss_rounded", [round(float(value), 3) for value in SIM.means()]),
        ("history", list(SIM.means())),
        ("total_loss", list(SIM.means() * PER_EPOCH)),
        ("loss_last", list(SIM.losses[PER_EPOCH - 1 :: PER_EPOCH])),
        ("test_losses", [SIM.test[step][0] for step in ends]),
        ("test_loss_10", [SIM.test[step][0] for step in ends[9::10]]),
        ("test_acc", [SIM.test[step][1] for step in ends]),
        ("acc_percent", [100 * SIM.test[step][1] for step in ends[9::10]]),
        ("train_acc_curve", list(SIM.running)),
        ("every_seventh_loss", list(SIM.losses[::7])),
    ]


@pytest.mark.parametrize(("name", "values"), honest_rows(), ids=[name for name, _ in honest_rows()])
def test_honest_collections_are_true(name: str, values: list[float]) -> None:
    (claim,) = kept(SIM, series(name, values)).claims
    assert (claim.how, claim.verdict, claim.length) == ("kept", "true", len(values)), claim.explanation


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("epochs", list(range(1, EPOCHS + 1))),
        ("epoch_list", list(range(0, 100, 10))),
        ("predictions", [0, 1, 0, 1, 1, 0, 0, 1]),
        ("weights", [0.1, -0.3, 0.9]),
        ("xs", list(np.linspace(-2, 2, 50))),
    ],
)
def test_other_collections_are_no_claims(name: str, values: list[float]) -> None:
    assert kept(SIM, series(name, values)).claims == ()


def printed_at_the_end(rows: list[str]) -> Reports:
    lines = [said(row, len(SIM.losses)) for row in rows]
    return judge_reports(SIM.run, lines, (), (), SIM.comparisons, train_size=TRAIN, test_size=TEST)


@pytest.mark.parametrize(
    "form", ["\x1b[1m│ {} │\x1b[0m {:.4f} │ {:.4f} │", "Epoch {}: loss {:.4f}, test acc {:.4f}"]
)
def test_a_true_history_printed_after_the_loop_counts_by_its_rows(form: str) -> None:
    ends = range(10, EPOCHS + 1, 10)
    rows = [(e, SIM.test[e * PER_EPOCH][0], SIM.test[e * PER_EPOCH][1]) for e in ends]
    found = printed_at_the_end(["epoch  loss  accuracy", *(form.format(*row) for row in rows)])
    assert found.printed_steps == tuple(e * PER_EPOCH for e in ends)
    assert {(claim.meaning, claim.verdict) for claim in found.claims} == {
        ("loss", "true"),
        ("accuracy", "true"),
    }
    assert [claim.value for claim in found.claims[:4]] == [round(row[1], 4) for row in rows]


def test_a_history_printed_in_a_later_cell_counts_and_nothing_else_does() -> None:
    ends = [step * PER_EPOCH for step in range(10, EPOCHS + 1, 10)]
    history = [replace(said(f"loss {SIM.test[step][0]:.4f}", 0), run=None, cell=9) for step in ends]
    chatter = [replace(said("loss 0.1234, acc 0.5", 0), run=None, cell=8)]
    found = judge_reports(
        SIM.run, (), (), (), SIM.comparisons, train_size=TRAIN, test_size=TEST, afterwards=chatter + history
    )
    assert found.printed_steps == tuple(ends)
    assert {(claim.meaning, claim.verdict, claim.cell) for claim in found.claims} == {("loss", "true", 9)}


def test_an_invented_history_printed_after_the_loop_is_untrue() -> None:
    found = printed_at_the_end([f"Epoch {e}: loss {5.0 + e:.4f}" for e in range(10, EPOCHS + 1, 10)])
    assert {claim.verdict for claim in found.claims} == {"untrue"}


def test_whole_percentages_after_other_numbers_are_read() -> None:
    (number,) = read_numbers("accuracy of the network on the 400 test points: 45 %")
    assert (number.meaning, number.value, number.percent) == ("accuracy", 45.0, True)
    assert read_numbers("epoch 3 of 400: 45 %|") == ()


def test_columns_of_an_array_are_curves_of_their_own() -> None:
    told = name_event("history", "a", shape=(4, 2), type="array")
    curves = np.stack([SIM.means()[-4:], SIM.running[-4:]], axis=1)
    features = name_event("points", "b", shape=(4, 2), type="array")
    found = reported(
        events(told, features, a=curves, b=-curves), (), Markers(notebook("pass"), set()), ()
    ).kept
    assert [(row.name, row.values.tolist()) for row in found] == [
        ("history[0]", list(SIM.means()[-4:])),
        ("history[1]", list(SIM.running[-4:])),
    ]


def test_a_row_divided_by_the_last_row_is_named() -> None:
    (claim,) = kept(SIM, series("train_loss_curve", SIM.means() * PER_EPOCH / 1569)).claims
    assert (claim.verdict, claim.code) == ("slip", "metric-wrong-denominator")
    assert "1569" in (claim.explanation or "")


def test_a_row_of_spread_comparisons_is_named() -> None:
    pairs = [("r0", e * PER_EPOCH, 60_000 + 900 * e, TEST * TEST) for e in range(1, EPOCHS + 1)]
    spread = replace(SIM.spread, results=tuple(pairs))
    (claim,) = kept(SIM, series("acc_curve", [a / t for _, _, a, t in pairs]), comparisons=(spread,)).claims
    assert (claim.verdict, claim.code) == ("slip", "metric-broadcast")


def test_a_sum_over_another_arrays_length_is_named() -> None:
    step = 10 * PER_EPOCH
    value = float(SIM.means()[9] * PER_EPOCH / 2000)
    line = said(f"loss {value:.6f}", step)

    def told(sizes: tuple[int, ...]) -> tuple[str, str | None]:
        found = judge_reports(
            SIM.run, [line], (), (), (), train_size=TRAIN, test_size=TEST, other_sizes=sizes
        )
        return found.claims[0].verdict, found.claims[0].code

    assert told((2000, 800)) == ("slip", "metric-wrong-denominator")
    assert told(()) == ("untrue", "metric-untrue")


@pytest.mark.parametrize("meaning", ["loss", "accuracy"])
def test_a_second_reading_is_as_true(meaning: str) -> None:
    step = 10 * PER_EPOCH
    plain = [
        replace(point, mistaken={"test": {OTHER_READING[meaning]: 0.1 + 0.001 * index}})
        for index, point in enumerate(SIM.run.measured)
    ]
    run = replace(SIM.run, measured=tuple(plain))

    def verdicts(course: RunEvidence) -> list[str]:
        line, curve = (
            said(f"test {meaning} 0.1100", step),
            [0.1 + 0.001 * index for index in range(1, EPOCHS + 1)],
        )
        found = judge_reports(
            course, [line], [series(f"test_{meaning}", curve)], (), (), train_size=TRAIN, test_size=TEST
        )
        return [claim.verdict for claim in found.claims]

    assert verdicts(run) == ["true", "true"]
    assert verdicts(SIM.run) == ["untrue", "unchecked"]


@pytest.mark.parametrize(("times", "verdict"), [(1.0, "untrue"), (1.1, "untrue"), (2.0, "unchecked")])
def test_where_the_loss_strays_the_accuracies_around_it_say_nothing(times: float, verdict: str) -> None:
    step = 10 * PER_EPOCH
    losses = np.array(SIM.run.losses)
    losses[step : step + PER_EPOCH] *= times
    far = tuple(point for point in SIM.run.measured if abs(point.step - step) > 2 * PER_EPOCH)
    run = replace(SIM.run, losses=losses, measured=far)
    found = judge_reports(
        run, [said("test accuracy 0.0700", step)], (), (), (), train_size=TRAIN, test_size=TEST
    )
    assert [claim.verdict for claim in found.claims] == [verdict]


def test_what_a_loop_without_backward_reports_is_held_against_its_first_weights() -> None:
    start = replace(SIM.run.measured[0], train_loss=None, test_loss=None)
    still = replace(start, mistaken={"test": {OTHER_READING["loss"]: 0.75}})
    run = replace(
        SIM.run, backwards=0, steps=100, losses=np.zeros(0), steps_per_epoch=1, moved=False,
        measured=tuple(replace(still, step=step) for step in range(101)),
    )  # fmt: skip
    share = start.test_accuracy or 0.0
    lines = [said(f"test loss 0.7500, test accuracy {share:.4f}", step) for step in range(10, 101, 10)]
    rows = [series("a", [0.75] * 10), series("b", [share] * 10)]
    found = judge_reports(run, lines, rows, (), (), train_size=TRAIN, test_size=TEST)
    assert {(claim.how, claim.meaning, claim.verdict) for claim in found.claims} == {
        ("printed", "loss", "true"), ("printed", "accuracy", "true"),
        ("kept", "loss", "true"), ("kept", "accuracy", "true"),
    }  # fmt: skip
    assert (found.epochs, len(found.printed_steps)) == (100, 10)


def test_an_invented_curve_is_untrue() -> None:
    (claim,) = kept(SIM, series("loss_curve", np.linspace(9.0, 4.0, EPOCHS))).claims
    assert (claim.verdict, claim.code) == ("untrue", "metric-untrue")


def test_an_invented_curve_is_unchecked_where_another_run_shares_the_cell() -> None:
    other = [said("hello", 3, run="r1")]
    row = series("loss_curve", np.linspace(9.0, 4.0, EPOCHS))
    reports = judge_reports(SIM.run, other, [row], (), (), train_size=TRAIN, test_size=TEST)
    assert [claim.verdict for claim in reports.claims] in ([], ["unchecked"])


def test_full_batch_curves_with_sparse_measurements_are_true() -> None:
    sparse = replace(FULL, run=replace(FULL.run, measured=FULL.run.measured[::4]))
    rows = (
        series("losses", FULL.losses),
        series("test_acc", [FULL.test[step][1] for step in range(1, 121)]),
        series("test_loss", [FULL.test[step][0] for step in range(0, 120)]),
    )
    assert [claim.verdict for claim in kept(sparse, *rows, comparisons=()).claims] == ["true"] * 3


def test_drawn_lines_are_judged_like_collections() -> None:
    epochs = np.arange(10.0, EPOCHS + 1, 10)
    axes = Axes(
        title="Training vs Test Loss", at=((5, 40),),
        lines=(Line(epochs, SIM.means()[9::10], label="Train Loss"), Line(epochs, epochs, label="x = y")),
    )  # fmt: skip
    reports = judge_reports(
        SIM.run, (), (), [Figure(cell=5, axes=(axes,))], (), train_size=TRAIN, test_size=TEST
    )
    (claim, *rest) = [claim for claim in reports.claims if claim.verdict != "unchecked"]
    assert (claim.how, claim.verdict, claim.text, rest) == ("plotted", "true", "Train Loss", [])
    assert claim.where is not None and claim.where.line == 40


# ---------------------------------------------------------------- outside any loop


def test_an_evaluation_before_training_over_spread_pairs_is_explained() -> None:
    line = Comparison(None, 5, (TEST, 1), (TEST,), ((None, 0, 80_352, TEST * TEST),))
    before = Measured(0, 0.7012, 0.7050, 0.41, 0.4275)
    lines = [
        said("Test Loss (before training): 0.7050", 0, None),
        said("Test Accuracy (before training): 50.22%", 0, None),
    ]
    loss, accuracy = judge_outside(lines, [line], [before])
    assert (loss.verdict, loss.part) == ("true", "test")
    assert (accuracy.verdict, accuracy.code) == ("slip", "metric-broadcast")
    assert accuracy.truth == pytest.approx(42.75) and "400 × 400" in (accuracy.explanation or "")


def test_outside_figures_are_never_called_untrue() -> None:
    (claim,) = judge_outside([said("test loss 3.3", 0, None)], [], [Measured(0, 0.7, 0.7, 0.5, 0.5)])
    assert claim.verdict == "unchecked"


def test_judging_a_long_run_takes_little_time() -> None:
    long = simulated(epochs=100)
    lines = [
        said(f"Epoch {e} loss {long.means()[e - 1] / 31:.4f} acc {long.running[e - 1]:.2%}", e * 50)
        for e in range(1, 101)
    ]
    rows = [series(f"loss_{i}", long.means() + i) for i in range(20)]
    spent = []
    for _ in range(3):
        began = time.process_time()
        judge_reports(long.run, lines, rows, (), long.comparisons, train_size=TRAIN, test_size=TEST)
        spent.append(time.process_time() - began)
    assert min(spent) < 0.25, spent  # 50 ms where nothing else runs
