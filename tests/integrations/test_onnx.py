from __future__ import annotations

import pytest
import torch

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from onnx.reference import ReferenceEvaluator

from ml3zoo import load_loss
from tests.losses.test_export import OF_EVERY_FAMILY


@pytest.mark.filterwarnings("ignore")  # the exporter's own
@pytest.mark.parametrize("name", OF_EVERY_FAMILY)
def test_onnx_gives_what_the_loss_gives(name, tmp_path):
    loss = load_loss(name, total_steps=10)
    batch = {k: v.float() for k, v in loss.example(torch.Generator().manual_seed(0), 6, 1.0).items()}
    program = torch.onnx.export(loss, (), kwargs=batch, dynamo=True, verbose=False)
    program.save(tmp_path / "loss.onnx")
    session = ReferenceEvaluator(str(tmp_path / "loss.onnx"))
    (value,) = session.run(None, {key: value.numpy() for key, value in batch.items() if key in session.input_names})
    torch.testing.assert_close(torch.as_tensor(value), loss(**batch), rtol=1e-4, atol=1e-5)
