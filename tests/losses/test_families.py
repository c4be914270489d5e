"""What each family of losses computes, and which architectures it refuses."""

from __future__ import annotations

import math

import pytest
import torch

from ml3zoo.errors import ConfigError, InputError
from ml3zoo.format.config import families
from ml3zoo.losses import build_loss
from ml3zoo.losses.families.symbolic import LARGEST, OPERATORS, linear_expressions
from ml3zoo.losses.families.taylor import MOST_MONOMIALS
from tests.families import NAMES, example_config, example_loss

HALF = torch.tensor(0.5)


def test_every_family_has_an_example():
    assert {example_config(name).family for name in NAMES} == set(families())


def signals_of(loss, prediction, target):
    """The normalised signals, read by replacing ``value``."""
    seen = {}
    loss.value = lambda batch: seen.setdefault("features", loss.features(batch))[..., 0]
    loss(prediction, target, progress=HALF)
    del loss.value
    return seen["features"].unbind(-1)


def test_a_polynomial_has_all_products_up_to_its_order():
    loss = example_loss("taylor-value-regression")
    prediction, target = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    a, b, c = signals_of(loss, prediction, target)
    one = torch.ones_like(a)
    by_hand = torch.stack([one, a, b, c, a * a, a * b, a * c, b * b, b * c, c * c], -1) @ loss.coefficients
    loss.reduction = "none"
    torch.testing.assert_close(loss(prediction, target, progress=HALF), by_hand)


def test_a_weight_multiplies_the_ordinary_loss():
    loss = example_loss("taylor-classification")
    with torch.no_grad():
        loss.coefficients.zero_()[0] = 0.7
    logits, target = torch.randn(6, 4), torch.arange(6) % 4
    expected = torch.nn.functional.cross_entropy(logits, target) * math.exp(3 * math.tanh(0.7 / 3))
    torch.testing.assert_close(loss(logits, target), expected)


def test_an_expression_is_computed_as_written():
    loss = example_loss("symbolic-value-regression")
    prediction, target = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    a, b, c = signals_of(loss, prediction, target)
    loss.reduction = "none"
    by_hand = a.square() + torch.maximum(0.5 * (b.square() + 1e-6).log(), c) * loss.coefficients[0]
    torch.testing.assert_close(loss(prediction, target, progress=HALF), by_hand)


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("size", [0.0, 1e-30, 1.0, 50.0, LARGEST])
def test_operators_are_finite_with_their_slopes(name, size):
    operator = OPERATORS[name]
    arguments = [(sign * torch.tensor(size)).requires_grad_() for sign in (1, -1)[: operator.arguments]]
    value = operator.apply(*arguments)
    assert value.isfinite()
    assert all(g.isfinite() for g in torch.autograd.grad(value, arguments))


def test_formulas_can_be_read():
    loss = example_loss("taylor-value-classification")
    with torch.no_grad():
        loss.coefficients.zero_()[torch.tensor([0, 2, 4])] = torch.tensor([0.5, -1.0, 2.0])
    assert loss.formula() == "loss = 0.5 - 1 * agreement + 2 * (probability)^2"
    loss = example_loss("symbolic-value-regression")
    with torch.no_grad():
        loss.coefficients.fill_(0.25)
    signal, other = "log(1 + (error / typical_error)^2)", "median_error / typical_error"
    assert loss.formula() == f"loss = ({signal})^2 + max(log|{other}|, progress) * 0.25"
    assert loss.formula(latex=True).startswith(r"\ell = \left(\text{log(1 + (error / typical\_error)^2)}")


@pytest.mark.parametrize(("problem_type", "term"), [("regression", "error^2"), ("classification", "cross_entropy")])
def test_a_weight_without_hidden_layers_is_a_formula(problem_type, term):
    loss = build_loss(example_config(f"mlp-{problem_type}").replace(architecture={"hidden": []}))
    assert loss.formula().startswith(f"loss = {term} * exp(3 * tanh(z / 3))\nz = ")


def test_linear_expressions_are_sums_of_signals_and_products():
    tokens, init = linear_expressions(3, [(0, 2)], ({(): 0.5, (1,): -2.0}, {(0, 2): 1.0}))
    terms = {"tokens": tokens, "terms": ["cross_entropy", "self_cross_entropy"]}
    loss = build_loss(example_config("symbolic-weighted-classification").replace(architecture=terms))
    loss.reset_parameters(init)
    assert loss.formula().splitlines()[1:] == [
        "z1 = 0.5 + 0 * probability - 2 * agreement + 0 * log(classes) + 0 * probability * log(classes)",
        "z2 = 0 + 0 * probability + 0 * agreement + 0 * log(classes) + 1 * probability * log(classes)",
    ]


def test_formulas_of_weights_name_their_terms():
    loss = example_loss("symbolic-weighted-classification")
    with torch.no_grad():
        loss.coefficients.fill_(2)
    assert loss.formula().splitlines() == [
        "loss = cross_entropy * exp(3 * tanh(z1 / 3)) + self_cross_entropy * exp(3 * tanh(z2 / 3))",
        "z1 = tanh(probability)",
        "z2 = 2 * agreement",
    ]
    assert r"z_2 &= 2 \cdot \text{agreement}\end{aligned}" in loss.formula(latex=True)


@pytest.mark.parametrize(
    ("name", "architecture", "message"),
    [
        ("taylor-regression", {"order": 0}, "order"),
        ("symbolic-regression", {"tokens": []}, "length"),
        ("symbolic-regression", {"tokens": ["s0", "add"]}, r"token 1 \(add\) needs 2 values"),
        ("symbolic-regression", {"tokens": ["s0", "s1"]}, "leave 2 values, 1 was expected"),
        ("symbolic-regression", {"tokens": ["s0"], "terms": ["error", "target"]}, "1 values, 2 were expected"),
        ("taylor-regression", {"order": 1, "terms": ["loudness"]}, "unknown term 'loudness'"),
        ("taylor-regression", {"order": 1, "output": "value", "terms": ["error"]}, 'terms needs output "weight"'),
        ("symbolic-regression", {"tokens": ["s7"]}, "has 's7', its signals are s0 to s2"),
        ("symbolic-regression", {"tokens": ["__import__"]}, "tokens"),
        ("symbolic-regression", {"tokens": ["c"] * 600}, "length"),
    ],
)
def test_architectures_that_cannot_be_built_are_refused(name, architecture, message):
    with pytest.raises(ConfigError, match=message):
        build_loss(example_config(name).replace(architecture=architecture))


def test_a_polynomial_of_too_many_terms_is_refused():
    config = example_config("taylor-regression")
    with pytest.raises(ConfigError, match=f"at most {MOST_MONOMIALS}"):
        build_loss(config.replace(signals=config.signals * 4, architecture={"order": 8}))


def test_matching_measures_the_distance_of_curves():
    loss = example_loss("matching-regression")
    loss.reset_parameters((1e4,))
    x = torch.linspace(-4, 4, 60)
    curves = {k: torch.sin(loss.frequency[k] * x) for k in (1, 3)}
    gap = (loss.place[1] - loss.place[3]).square().sum() / 2
    torch.testing.assert_close(loss(curves[1], curves[3], feature=x), gap)
    assert loss(curves[1], curves[1], feature=x) == 0
    with pytest.raises(InputError, match="a feature was expected, got none"):
        loss(curves[1], curves[3])
    config = example_config("matching-regression")
    with pytest.raises(ConfigError, match="looks at feature, prediction, target"):
        build_loss(config.replace(signals=config.signals[::-1]))


def test_init_says_where_each_weight_starts():
    config = example_config("mlp-weighted-classification")
    terms = config.architecture["terms"]
    loss = build_loss(config.replace(architecture={"hidden": [4], "skip": True, "terms": terms}))
    straight = (0.5,) * len(config.signals)
    loss.reset_parameters((*straight, -1.0))
    assert loss.skip.weight.tolist() == [list(straight), [0.0] * len(straight)]
    assert loss.network[-1].bias.tolist() == [0.0, -1.0]


def test_an_init_longer_than_the_loss_is_refused():
    config = example_config("mlp-classification")
    loss = build_loss(config.replace(architecture={"hidden": [4], "skip": True}))
    with pytest.raises(RuntimeError, match="size"):
        loss.reset_parameters((0.5,) * len(config.signals) + (-1.0, 0.0))


def bounded(name: str, **more):
    """A loss whose weights are bounded together by 3."""
    config = example_config(name)
    return build_loss(config.replace(architecture=config.architecture | {"largest_total": 3.0} | more))


@pytest.mark.parametrize("name", ["mlp-weighted-classification", "taylor-weighted-classification"])
def test_weights_bounded_together_stay_below_their_bound(name):
    loss = bounded(name, weight_bound=5.0)
    z = 100 * torch.randn(2, 50, generator=torch.Generator().manual_seed(0))
    ones = {"cross_entropy": torch.ones(50), "self_cross_entropy": torch.ones(50)}
    total = loss.architecture.weighted_sum(ones, loss.terms, z)
    free = loss.architecture.weights(z).sum(0)
    torch.testing.assert_close(total, free / (1 + free / 3))
    assert (total < 3).all()


def test_weights_bounded_together_start_as_the_ordinary_loss():
    loss = bounded("mlp-weighted-classification", weight_bound=9.0)
    loss.reset_parameters((0.0,) * loss.network[-1].in_features + (-20.0,))
    loss.network[0].weight.data.zero_()
    logits, labels = torch.randn(20, 5), torch.arange(20) % 5
    ordinary = torch.nn.functional.cross_entropy(logits, labels)
    torch.testing.assert_close(loss(logits, labels, progress=0.0), ordinary, rtol=2e-3, atol=0)
