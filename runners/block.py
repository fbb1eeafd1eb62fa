"""A block of trials of one trial table: load model and data once, train cells, write their logs.

The unit that a sweep hands to a worker process and a cluster job runs.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from runners.data.dataset import Dataset
from runners.data.glue import TaskData, encode_task, read_task
from runners.data.recipe import Recipe, validation_steps
from runners.engines.drawn import drawn_parameters, set_missing
from runners.engines.floor import MEMORY_SHARE, Size, memory_of_trial
from runners.engines.reference import finetune
from runners.engines.stacked import StackedEngine
from runners.errors import RunnerError
from runners.provenance import provenance
from runners.table import TableError, TableSpec, require_same_fields
from runners.trial_log import Cell, Outcome, Record, TrialLog, read_record, write_log

#: What is the same for all trials of a table, by field of a log's record and column of a trial set.
IDENTITY = {"model_sha256": "pretrained weights", "data_sha256": "data"}


class ModelError(RunnerError):
    """A model that cannot be loaded or trained; the message names it."""


def load_model(source: str, num_labels: int = 2) -> PreTrainedModel:
    """A float32 sequence classifier; what its checkpoint lacks is drawn by every trial.

    Raises:
        ModelError: no such model, or damaged.
    """
    verbosity = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # every trial draws the head: that it is missing is no news
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            source, num_labels=num_labels, output_loading_info=True
        )
    except Exception as error:  # transformers, safetensors and json raise kinds of their own for a damaged folder  # noqa: BLE001
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{source}: no model that transformers can load ({reason})") from None
    finally:
        transformers.logging.set_verbosity(verbosity)
    set_missing(model, loading["missing_keys"])
    loaded: PreTrainedModel = model.float().eval()
    return loaded


def load_tokenizer(source: str) -> PreTrainedTokenizerBase:
    """The model's tokenizer.

    Raises:
        ModelError: no such tokenizer, or damaged.
    """
    try:
        return AutoTokenizer.from_pretrained(source)
    except Exception as error:  # as above  # noqa: BLE001
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{source}: no tokenizer that transformers can load ({reason})") from None


class Loaded:
    """Models, tokenizers and data of a process, each loaded once."""

    def __init__(self) -> None:
        self.model, self.tokenizer = cache(load_model), cache(load_tokenizer)
        self._read, self._encoded = cache(read_task), cache(self._encode)

    def labels(self, spec: TableSpec) -> int:
        """How many labels a table's task has."""
        return len(self._read(spec.task, spec.source).frames.labels)

    def data(self, spec: TableSpec) -> TaskData:
        """A table's data, the same object for all recipes that train on all examples of a task."""
        recipe = spec.recipe
        seen = Recipe(
            recipe.name if recipe.train_examples else "all",
            max_length=recipe.max_length,
            train_examples=recipe.train_examples,
            train_subset_seed=recipe.train_subset_seed,
        )
        return self._encoded(spec.task, spec.source, spec.model, seen)

    def _encode(self, task: str, source: str | Dataset, model: str, recipe: Recipe) -> TaskData:
        return encode_task(self._read(task, source), self.tokenizer(model), recipe)


class BlockRunner:
    """Trains blocks of cells of one table on one device.

    Args:
        spec: the table.
        device: "cpu", "cuda", "cuda:1", …
        loaded: what the process has loaded before.
        make_room: frees memory of the device that another table holds, and says whether there was any.
    """

    def __init__(
        self,
        spec: TableSpec,
        device: str,
        loaded: Loaded | None = None,
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        self.spec, self.device, self.make_room = spec, device, make_room
        loaded = loaded or Loaded()
        self.model = loaded.model(spec.model, loaded.labels(spec))
        self.tokenizer, self.data = loaded.tokenizer(spec.model), loaded.data(spec)
        longest = int(max(self.data.train.length.max(), self.data.evaluated.length.max()))
        positions = getattr(self.model.config, "max_position_embeddings", longest) - _skipped_positions(self.model)
        if longest > positions:
            raise ModelError(
                f"recipe {spec.recipe.name!r}: with max_length {spec.recipe.max_length} {spec.task} has inputs of "
                f"{longest} tokens, and {spec.model} has {positions} positions: --set max_length={positions}"
            )
        self.provenance = provenance(self.model, self.data, device, spec.engine)
        self.stack = spec.stack
        self._engine: StackedEngine | None = None
        self._full = False  # whether the engine has as many trials as fit
        self._checked: set[Path] = set()

    def check_folder(self) -> None:
        """All trials of a table start from the same weights, see the same data and have the same recipe.

        Raises:
            TableError: a log that is there was made with others.
        """
        spec = self.spec
        for path in sorted(spec.log_path(Cell(0, 0)).parent.glob("wi*-do*.npz")):
            if path in self._checked:
                continue
            record = read_record(path)
            if record.model != spec.model_name:
                raise TableError(
                    f"{path}: of model {record.model}, and here it is {spec.model_name}; give another --out"
                )
            require_same_fields(spec, record.recipe_fields, path)
            for name, what in IDENTITY.items():
                if getattr(record, name) != self.provenance[name]:
                    raise TableError(
                        f"{path}: made with other {what} than here: {name} is {getattr(record, name)} there and "
                        f"{self.provenance[name]} here; check --model and --glue or --dataset, or give another --out"
                    )
            self._checked.add(path)

    def run(self, cells: Sequence[Cell], progress: Callable[[float], None] = lambda share: None) -> Iterator[Cell]:
        """Trains the cells and writes their logs; yields each cell once its log is on disk.

        Args:
            cells: any cells of the table; the stacked engine trains those of one column together.
            progress: told the share of the current cells' steps that is done.
        """
        if self.spec.engine == "reference":
            num_steps = validation_steps(self.spec.recipe, len(self.data.train))[-1]
            for cell in cells:
                try:
                    outcome, _ = finetune(
                        self.model,
                        self.data,
                        self.spec.recipe,
                        cell,
                        self.device,
                        lambda step: progress(step / num_steps),
                    )
                except torch.cuda.OutOfMemoryError:
                    raise ModelError(
                        f"{self.device}: out of memory with one trial; a recipe of a smaller batch_size or max_length "
                        "needs less"
                    ) from None
                yield self._write(cell, outcome)
            return
        for _, column in groupby(sorted(cells, key=_column_of), key=_column_of):
            yield from self._run_column(list(column), progress)

    def _run_column(self, cells: list[Cell], progress: Callable[[float], None]) -> Iterator[Cell]:
        while cells:
            size = self.stack or self._fitting(len(cells))
            try:
                if self._engine is None:
                    self._engine = StackedEngine(
                        self.model, self.data, self.spec.recipe, size, self.device, bool(self.spec.compiled)
                    )
                together = cells[: self._engine.trials]
                outcomes = self._engine.run(together, progress)
            except torch.cuda.OutOfMemoryError:
                self.free()
                if self.make_room():
                    continue
                if size <= 2:
                    raise ModelError(
                        f"{self.device}: out of memory even with two trials at a time; --engine reference trains one, "
                        "which may fit"
                    ) from None
                self.stack = size // 2
                continue
            for cell, outcome in zip(together, outcomes, strict=True):
                yield self._write(cell, outcome)
            cells = cells[len(together) :]

    def _fitting(self, wanted: int) -> int:
        """As many trials as are wanted, or as fit, once what other tables hold is freed as far as that needs it."""
        if self._engine is not None and (self._full or wanted <= self._engine.trials):
            return self._engine.trials
        self.free()  # it was made for a shorter column, such as the rest that an interrupted sweep had left
        while (size := _stack_size(self.model, self.device, self.spec.recipe)) < wanted and self.make_room():
            pass
        self._full = size < wanted
        return min(size, wanted)

    def free(self) -> bool:
        """Gives up the engine, whose memory another table needs; returns whether there was one."""
        held, self._engine = self._engine is not None, None
        gc.collect()  # its graphs refer to it
        torch.cuda.empty_cache()
        return held

    def log(self, cell: Cell, outcome: Outcome) -> TrialLog:
        """The log of a trial, or of its part up to the last checkpoint of ``outcome``."""
        record = Record(
            format=1,
            model=self.spec.model_name,
            task=self.spec.task,
            recipe=self.spec.recipe.name,
            recipe_fields=self.spec.recipe.fields(),
            weight_init_seed=cell.weight_init_seed,
            data_order_seed=cell.data_order_seed,
            dropout_seed=cell.dropout_seed,
            step=validation_steps(self.spec.recipe, len(self.data.train))[: len(outcome.logits)],
            train_seconds=outcome.train_seconds,
            evaluation_seconds=outcome.evaluation_seconds,
            drawn=list(drawn_parameters(self.model)),
            **self.provenance,
        )
        test = self.data.test
        return TrialLog(
            record, self.data.validation.label, outcome, None if test is None else test.label, self.data.test_rows
        )

    def _write(self, cell: Cell, outcome: Outcome) -> Cell:
        write_log(self.spec.log_path(cell), self.log(cell, outcome))
        return cell


class Tables:
    """The tables that a process trains, in turn, on one device."""

    def __init__(self, device: str) -> None:
        self.device, self.loaded = device, Loaded()
        self._runners: dict[TableSpec, BlockRunner] = {}  # the latest used last

    def runner(self, spec: TableSpec) -> BlockRunner:
        """Of a table, whose folder is checked: each time what has come there since, of whomever.

        Raises:
            RunnerError: what it needs cannot be loaded, or its folder has trials of other weights or data.
        """
        runner = self._runners.pop(spec, None)
        if runner is None:
            runner = BlockRunner(spec, self.device, self.loaded, self._make_room)
        runner.check_folder()
        self._runners[spec] = runner
        return runner

    def _make_room(self) -> bool:
        """Frees the engine that was used longest ago, but for the one in use."""
        return any(runner.free() for runner in list(self._runners.values())[:-1])


def _skipped_positions(model: PreTrainedModel) -> int:
    """How many positions no token has: RoBERTa's, like those of its kin, begin behind the padding index."""
    for name, module in model.named_modules():
        if name.endswith(".position_embeddings") and (padding := getattr(module, "padding_idx", None)) is not None:
            return int(padding) + 1
    return 0


def _column_of(cell: Cell) -> int:
    return cell.data_order_seed


def _stack_size(model: PreTrainedModel, device: str, recipe: Recipe) -> int:
    """Trials that fit together: by free memory on CUDA; on a CPU more than a few gain nothing."""
    if not device.startswith("cuda"):
        return 4
    free, _ = torch.cuda.mem_get_info(device)
    config = model.config
    size = Size(
        config.num_hidden_layers,
        config.hidden_size,
        config.num_attention_heads,
        config.intermediate_size,
        sum(parameter.numel() for parameter in model.parameters()),
    )
    memory = memory_of_trial(size, recipe.batch_size * recipe.max_length, recipe.max_length)
    return max(2, int(MEMORY_SHARE * free / memory))
