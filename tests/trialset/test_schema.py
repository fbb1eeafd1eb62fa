"""The schema describes itself completely, and fits the metrics and the runner's recipes."""

import pyarrow as pa
import pytest

from runners.data.recipe import Recipe
from runners.data.tasks import GLUE
from seedbench.metrics import METRICS, OF_ANY_LABELS
from seedbench.tasks import TASKS
from seedbench.trialset.schema import CONFIGS, RECIPE_COLUMNS, arrow_schema, arrow_type


def test_every_column_has_a_meaning_and_a_type_that_arrow_knows():
    for config in CONFIGS.values():
        names = [column.name for column in config.columns]
        assert len(set(names)) == len(names)
        assert arrow_schema(config.name).names == names
        for column in config.columns:
            assert column.meaning.endswith(".") and len(column.meaning) > 10, column.name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("string", pa.string()),
        ("bool", pa.bool_()),
        ("int64", pa.int64()),
        ("list<float32>", pa.list_(pa.float32())),
        ("list<list<int8>>", pa.list_(pa.list_(pa.int8()))),
        ("list<list<list<float32>>>", pa.list_(pa.list_(pa.list_(pa.float32())))),
    ],
)
def test_a_type_is_written_as_arrow_writes_it(name, expected):
    assert arrow_type(name) == expected


def test_the_default_config_comes_first_and_only_trials_are_required():
    assert next(iter(CONFIGS)) == "trials"
    assert [config.name for config in CONFIGS.values() if not config.optional] == ["trials"]


def test_the_recipe_columns_are_the_fields_of_a_recipe():
    assert [column.name for column in RECIPE_COLUMNS] == list(Recipe("any").fields())


def test_every_task_has_a_metric_of_its_labels_and_texts():
    assert all(name == task.name and task.metric in METRICS for name, task in TASKS.items())
    assert all(len(task.labels) == 2 or task.metric in OF_ANY_LABELS for task in TASKS.values())
    assert GLUE.keys() == TASKS.keys()
