"""taming-transformers' VQModel without Lightning, whose class it only inherits from.

Needs taming-transformers 0.0.1 and einops in the folder that CHEXGEN_TAMING names, ~/.cache/chexgen-taming where it is not set:

    pip install --no-deps --target ~/.cache/chexgen-taming taming-transformers==0.0.1 einops==0.8.2
"""

import contextlib
import io
import os
import pathlib
import sys
import types

import torch

FOLDER = pathlib.Path(os.environ.get("CHEXGEN_TAMING") or pathlib.Path.home() / ".cache/chexgen-taming")


def stand_in(name, **values):
    """A module in the place of one that is not installed."""
    module = sys.modules.setdefault(name, types.ModuleType(name))
    for key, value in values.items():
        setattr(module, key, value)
    return module


def has_taming():
    return (FOLDER / "taming").exists()


def vq_model(config):
    """The model of a configuration, `model.params`."""
    sys.path.insert(0, str(FOLDER))
    stand_in("pytorch_lightning", LightningModule=torch.nn.Module)

    class Loss(torch.nn.Module):
        """A loss with weights, which a checkpoint has beside those of the model."""

        def __init__(self):
            super().__init__()
            self.discriminator = torch.nn.Conv2d(3, 2, 1)

    stand_in("taming.main", instantiate_from_config=lambda _: Loss())
    from taming.models.vqgan import VQModel
    with contextlib.redirect_stdout(io.StringIO()):
        return VQModel(**config).eval()


def lightning(state, path):
    """Saves a state dict as Lightning 1.0 saves a training: with callbacks by their classes, and the optimizers' tensors."""
    checkpoint = type("ModelCheckpoint", (), {"__module__": "pytorch_lightning.callbacks.model_checkpoint"})
    attributes = type("AttributeDict", (dict,), {"__module__": "pytorch_lightning.utilities.parsing"})
    stand_in("pytorch_lightning")
    stand_in("pytorch_lightning.callbacks")
    stand_in("pytorch_lightning.callbacks.model_checkpoint", ModelCheckpoint=checkpoint)
    stand_in("pytorch_lightning.utilities")
    stand_in("pytorch_lightning.utilities.parsing", AttributeDict=attributes)
    for kind in (checkpoint, attributes):
        kind.__qualname__ = kind.__name__
    moments = {"step": 7, "exp_avg": torch.ones(3), "exp_avg_sq": torch.ones(3)}
    torch.save({
        "epoch": 2, "global_step": 311, "pytorch-lightning_version": "1.0.8", "state_dict": state,
        "callbacks": {checkpoint: {"monitor": "val/rec_loss", "best_model_score": torch.tensor(0.25), "best_model_path": "last.ckpt",
                                   "current_score": torch.tensor(0.5), "dirpath": "checkpoints"}},
        "optimizer_states": [{"state": {0: moments}, "param_groups": [{"lr": 4.5e-6, "betas": (0.5, 0.9), "params": [0]}]}],
        "lr_schedulers": [], "hparams_name": "kwargs", "hyper_parameters": attributes(n_embed=1024)}, path)
