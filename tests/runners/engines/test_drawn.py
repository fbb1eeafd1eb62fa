"""Weights that a checkpoint does not bring come from the weight-init seed, in every architecture."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AlbertConfig,
    AlbertModel,
    BartConfig,
    BartForSequenceClassification,
    BertConfig,
    BertModel,
    DebertaConfig,
    DebertaModel,
    DebertaV2Config,
    DebertaV2Model,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    ModernBertConfig,
    ModernBertModel,
    MPNetConfig,
    MPNetModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5ForSequenceClassification,
)

from runners.block import BlockRunner, ModelError, load_model, load_tokenizer
from runners.data import seeds
from runners.data.glue import TaskData, load_task
from runners.data.recipe import get_recipe
from runners.engines.drawn import drawn_parameters, initial_weights, set_missing, spared_from_decay
from runners.engines.reference import ReferenceTrial, finetune, pad
from runners.engines.stacked import StackedEngine
from runners.errors import RunnerError
from runners.provenance import model_sha256
from runners.table import TableSpec
from runners.trial_log import Cell, read_log
from tests.runners.conftest import WORDS

torch.set_num_threads(1)
RECIPE = get_recipe("stable", precision="fp32", epochs=1, learning_rate=1e-3, validations_per_epoch=1, max_length=24)
SMALL = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
SIZES = {**SMALL, "vocab_size": len(WORDS) + 5, "max_position_embeddings": 64}
BODIES = {
    "bert": lambda: BertModel(BertConfig(**SIZES, pad_token_id=1), add_pooling_layer=False),
    "distilbert": lambda: DistilBertModel(
        DistilBertConfig(vocab_size=len(WORDS) + 5, dim=32, n_layers=1, n_heads=4, hidden_dim=64)
    ),
    "roberta": lambda: RobertaModel(RobertaConfig(**SIZES, type_vocab_size=1, pad_token_id=1), add_pooling_layer=False),
    "deberta-v2": lambda: DebertaV2Model(DebertaV2Config(**SIZES, relative_attention=True, pos_att_type=["p2c"])),
    "deberta": lambda: DebertaModel(DebertaConfig(**SIZES, relative_attention=True, pos_att_type=["c2p", "p2c"])),
    "electra": lambda: ElectraModel(ElectraConfig(**SIZES, embedding_size=16)),
    "albert": lambda: AlbertModel(AlbertConfig(**{**SIZES, "num_hidden_layers": 2}, embedding_size=16)),
    "mpnet": lambda: MPNetModel(MPNetConfig(**SIZES), add_pooling_layer=False),
    "modernbert": lambda: ModernBertModel(
        ModernBertConfig(**SIZES, pad_token_id=1, bos_token_id=0, eos_token_id=2, cls_token_id=0, sep_token_id=2)
    ),
}
DRAWN = {
    "bert": ["bert.pooler.dense", "classifier"],
    "distilbert": ["pre_classifier", "classifier"],
    "roberta": ["classifier.dense", "classifier.out_proj"],
    "deberta-v2": ["pooler.dense", "classifier"],
    "deberta": ["pooler.dense", "classifier"],
    "electra": ["classifier.dense", "classifier.out_proj"],
    "albert": ["classifier"],
    "mpnet": ["classifier.dense", "classifier.out_proj"],
    "modernbert": ["head.dense", "head.norm", "classifier"],
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A tiny body of each architecture with random weights, and a tokenizer with RoBERTa's names and pad token."""
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *WORDS]
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(vocabulary)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", model_input_names=["input_ids", "attention_mask"]
    )
    made = {}
    for name, body in BODIES.items():
        made[name] = str(tmp_path_factory.mktemp("bodies") / name)
        torch.manual_seed(0)
        body().save_pretrained(made[name])
        tokenizer.save_pretrained(made[name])
    return made


def task(folder: str, glue: str) -> TaskData:
    return load_task("sst2", glue, load_tokenizer(folder), RECIPE)


@pytest.mark.parametrize("name", BODIES)
def test_two_runs_of_a_cell_are_equal_and_another_weight_init_seed_is_not(
    folders: dict[str, str], tiny_glue: str, name: str
) -> None:
    """Whatever torch's global generator holds when the model is loaded and trained."""
    folder, logits = folders[name], []
    for noise, cell in ((1, Cell(1, 2)), (2, Cell(1, 2)), (1, Cell(3, 2))):
        torch.manual_seed(noise)
        outcome, _ = finetune(load_model(folder), task(folder, tiny_glue), RECIPE, cell)
        logits.append(outcome.logits)
    assert np.isfinite(logits[0]).all()
    assert np.array_equal(logits[0], logits[1])
    assert not np.array_equal(logits[0], logits[2])


@pytest.mark.parametrize("name", BODIES)
def test_every_place_with_dropout_is_used(folders: dict[str, str], tiny_glue: str, name: str) -> None:
    """Twice in ALBERT's one layer, which is passed twice, and in heads of two layers; ALBERT has one for nothing."""
    trial = ReferenceTrial(load_model(folders[name]), task(folders[name], tiny_glue), RECIPE, Cell(1, 2))
    trial.advance()
    uses = [site.uses for site in trial.sites]
    assert uses.count(2) == {"albert": 2, "roberta": 1, "electra": 1, "mpnet": 1}.get(name, 0)
    assert uses.count(0) == (name == "albert") and max(uses) <= 2 and len(uses) >= 4


def test_what_the_reference_engine_does_not_know_is_one_line(tiny_glue: str, folders: dict[str, str]) -> None:
    """BART's attention has no nn.Dropout, T5's config no deviation for its head."""
    data = task(folders["roberta"], tiny_glue)
    sizes = {"vocab_size": len(WORDS) + 5, "d_model": 32}
    bart = BartForSequenceClassification(
        BartConfig(
            **sizes, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4, decoder_attention_heads=4,
            encoder_ffn_dim=64, decoder_ffn_dim=64, pad_token_id=1, bos_token_id=0, eos_token_id=2,
            num_labels=2, initializer_range=0.02,
        )
    )  # fmt: skip
    t5 = T5ForSequenceClassification(T5Config(**sizes, num_layers=1, num_heads=4, d_ff=64, d_kv=8, num_labels=2))
    for model, line in (
        (bart, "how BartAttention drops attention is not known"),
        (t5, "T5ForSequenceClassification: its config has no initializer_range"),
    ):
        with pytest.raises(RunnerError, match=line):
            finetune(model, data, RECIPE, Cell(0, 0))


def test_random_numbers_of_a_models_own_are_refused(folders: dict[str, str], tiny_glue: str) -> None:
    model = load_model(folders["bert"])

    class OwnDropout(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.dropout(x, 0.1, self.training)

    model.classifier = torch.nn.Sequential(OwnDropout(), torch.nn.Linear(32, 2))
    with pytest.raises(RunnerError, match="BertForSequenceClassification draws random numbers of its own in training"):
        finetune(model, task(folders["bert"], tiny_glue), RECIPE, Cell(0, 0))


@pytest.mark.parametrize("name", BODIES)
def test_what_is_drawn_is_named_and_left_out_of_the_models_hash(folders: dict[str, str], name: str) -> None:
    models_ = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        models_.append(load_model(folders[name]))
    names = {f"{layer}.{kind}" for layer in DRAWN[name] for kind in ("weight", "bias")}
    names &= {parameter for parameter, _ in models_[0].named_parameters()}  # ModernBERT has no biases
    assert set(drawn_parameters(models_[0])) == names
    assert model_sha256(models_[0]) == model_sha256(models_[1])
    weights = initial_weights(models_[0], 5)
    for layer in DRAWN[name]:
        if layer == "head.norm":
            assert (weights[f"{layer}.weight"] == 1).all()
            continue
        assert weights[f"{layer}.weight"].std() == pytest.approx(0.02, rel=0.3)
        assert not weights.get(f"{layer}.bias", np.zeros(1)).any()


def test_berts_head_is_the_one_of_the_published_trials(tiny_model: str) -> None:
    weights = initial_weights(load_model(tiny_model), 7)
    assert set(weights) == {"classifier.weight", "classifier.bias"}
    assert np.array_equal(weights["classifier.weight"], seeds.classifier_weights(7, 2, 32, 0.02))


def test_every_layer_has_a_stream_of_its_own(folders: dict[str, str]) -> None:
    weights = initial_weights(load_model(folders["roberta"]), 0)
    assert not np.isin(weights["classifier.out_proj.weight"], weights["classifier.dense.weight"]).any()


def test_a_missing_parameter_of_an_unknown_kind_is_refused(folders: dict[str, str]) -> None:
    model = load_model(folders["bert"])
    model.extra = torch.nn.ParameterList([torch.zeros(3)])
    with pytest.raises(RunnerError, match="has no extra.0, and how to draw a parameter of ParameterList is not known"):
        initial_weights(model, 0)


@pytest.mark.parametrize("name", BODIES)
def test_norms_are_spared_from_weight_decay_by_what_they_are(folders: dict[str, str], name: str) -> None:
    model = load_model(folders[name])
    spared = spared_from_decay(model)
    vectors = {parameter for parameter, value in model.named_parameters() if value.dim() == 1}
    assert spared == vectors  # in these models every bias and norm is a vector, and nothing else is
    if name == "distilbert":
        assert "distilbert.transformer.layer.0.sa_layer_norm.weight" in spared


def test_a_norm_of_a_models_own_is_one() -> None:
    class OwnRMSNorm(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(4))

    model = torch.nn.Sequential(torch.nn.Linear(4, 4), OwnRMSNorm())
    assert spared_from_decay(model) == {"0.bias", "1.weight"}


def test_a_batch_has_the_tokenizers_names_and_pad_token(folders: dict[str, str], tiny_glue: str) -> None:
    data = task(folders["roberta"], tiny_glue).train
    batch = pad(data, np.array([0, 20]), torch.device("cpu")).inputs
    assert list(batch) == ["input_ids", "attention_mask"]
    assert batch["input_ids"].shape == (2, data.length[0]) and data.length[0] > data.length[20]
    assert batch["input_ids"][1, data.length[20] :].unique().tolist() == [1]


def test_the_stacked_engine_draws_a_missing_pooler_like_the_reference(folders: dict[str, str], tiny_glue: str) -> None:
    model, data = load_model(folders["bert"]), task(folders["bert"], tiny_glue)
    outcomes = StackedEngine(model, data, RECIPE, 2).run([Cell(0, 0), Cell(4, 0)])
    reference, _ = finetune(model, data, RECIPE, Cell(4, 0))
    assert np.abs(outcomes[1].logits - reference.logits).max() < 1e-5
    assert np.abs(outcomes[1].test_logits - reference.test_logits).max() < 1e-5
    set_missing(model, {"bert.embeddings.word_embeddings.weight"})
    with pytest.raises(RunnerError, match="cannot draw bert.embeddings.word_embeddings.weight"):
        StackedEngine(model, data, RECIPE, 2)


def test_the_log_names_what_was_drawn_and_a_copy_draws_the_same(
    folders: dict[str, str], tiny_glue: str, tmp_path: Path
) -> None:
    spec = TableSpec(
        model=folders["distilbert"],
        model_name="a/b",
        glue=tiny_glue,
        task="sst2",
        recipe=RECIPE,
        engine="reference",
        out=tmp_path,
    )
    runner = BlockRunner(spec, "cpu")
    list(runner.run([Cell(0, 0)]))
    log = read_log(spec.log_path(Cell(0, 0)))
    assert log.record.drawn == [
        "pre_classifier.weight",
        "pre_classifier.bias",
        "classifier.weight",
        "classifier.bias",
    ]
    assert log.test_rows.tolist() == runner.data.test_rows.tolist() and log.test_label.shape == (6,)
    trial = ReferenceTrial(runner.model, runner.data, replace(RECIPE, dropout=0.0), Cell(0, 0))
    state = dict(trial.model.named_parameters())
    assert np.array_equal(
        state["pre_classifier.weight"].detach().numpy(),
        initial_weights(runner.model, 0)["pre_classifier.weight"],
    )


def test_positions_that_begin_behind_the_padding_index_are_fewer(
    folders: dict[str, str], tiny_glue: str, tmp_path: Path
) -> None:
    """16 positions, of which 0 and 1 are no token's: an input of 14 tokens fits, and with 15 positions only 13 do."""

    def spec(positions: int, max_length: int) -> TableSpec:
        folder = tmp_path / f"positions-{positions}"
        shutil.copytree(folders["roberta"], folder, dirs_exist_ok=True)
        sizes = SIZES | {"max_position_embeddings": positions, "type_vocab_size": 1, "pad_token_id": 1}
        RobertaModel(RobertaConfig(**sizes), add_pooling_layer=False).save_pretrained(folder)
        return TableSpec(
            model=str(folder),
            model_name="a/b",
            glue=tiny_glue,
            task="sst2",
            recipe=replace(RECIPE, max_length=max_length),
            engine="reference",
            out=tmp_path / "logs",
        )

    assert len(list(BlockRunner(spec(16, 24), "cpu").run([Cell(0, 0)]))) == 1
    with pytest.raises(ModelError, match="inputs of 14 tokens, and .* has 13 positions: --set max_length=13"):
        BlockRunner(spec(15, 24), "cpu")
    assert len(list(BlockRunner(spec(15, 13), "cpu").run([Cell(0, 0)]))) == 1
