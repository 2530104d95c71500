# pyright: reportMissingImports=false
"""Model files: weights in safetensors with a JSON card inside. Nothing that is opened here can run code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

import soilloss
from soilloss.errors import DataError, SourceError
from soilloss.landcover.network import HRFormer
from soilloss.landcover.settings import PACKAGED

BANDS = ("blue", "green", "red", "nir", "swir1")
CLASSES = ("forest", "shrubland", "grassland", "cropland", "built-up", "bare", "water", "wetland")


def save_model(path: str | Path, model: HRFormer, card: Mapping[str, Any]) -> dict[str, Any]:
    """Write `model` and its card as one safetensors file, and return the card as written.

    Parameters
    ----------
    path : path
        File to write, usually ``*.safetensors``; an existing file is replaced when the new one is complete.
    model : HRFormer
        Network; its moments (normalisation) are stored with the weights.
    card : mapping
        What a user of the model has to know: ``data`` (what it was trained on, with licence), ``training``, ``scores``,
        ``calibration`` (the ``temperature`` that logits are divided by), and ``bands`` and ``classes`` where they
        differ from the five bands and eight classes of the study.

    Returns
    -------
    card : dict
        The card with ``network``, ``normalisation``, ``soilloss`` (version) and ``sha256`` of the weights added.
    """
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    full = {"bands": BANDS, "classes": CLASSES, "calibration": {"temperature": 1.0}, **card}
    _check_card(full, model)
    mean, deviation = model.moments.tolist()
    full |= {"normalisation": {"unit": "reflectance", "mean": mean, "standard_deviation": deviation}}
    full |= {"network": model.settings, "soilloss": soilloss.__version__, "sha256": fingerprint(weights)}
    draft = Path(path).with_name(Path(path).name + ".part")
    save_file(weights, draft, {"card": json.dumps(full)})
    draft.replace(path)
    return json.loads(json.dumps(full))


def load_model(path: str | Path) -> tuple[HRFormer, dict[str, Any]]:
    """Read a model and its card; the model is in prediction mode. ``small`` is the model that comes with soilloss.

    Raises
    ------
    SourceError
        If there is no such file.
    DataError
        If it is not a safetensors file with a card (a pickle above all), or its weights differ from the card's hash.
    """
    card, weights = _read(path)
    network = card["network"]
    model = HRFormer(**network)
    expected = {name: value.shape for name, value in model.state_dict().items()}
    if {name: value.shape for name, value in weights.items()} != expected:
        raise DataError(f"{path}: the weights do not fit the network of its card, {network}; get the file again")
    if fingerprint(weights) != card["sha256"]:
        raise DataError(f"{path}: the weights differ from the hash on the model's card; get the file again")
    model.load_state_dict(weights)
    return model.eval(), card


def read_card(path: str | Path) -> dict[str, Any]:
    """Return the card of a model file without loading the network."""
    return _read(path)[0]


def check_bands(card: Mapping[str, Any], bands: tuple[str, ...]) -> None:
    """Refuse images whose bands are not those of the model, in name and order."""
    if tuple(card["bands"]) != tuple(bands):
        raise DataError(
            f"the images have the bands {', '.join(bands)}, the model was trained on {', '.join(card['bands'])}; "
            "give these bands in this order, or train a model on yours"
        )


def fingerprint(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of tensors by name, shape and bytes."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(f"{name} {weights[name].dtype} {tuple(weights[name].shape)}\n".encode())
        digest.update(weights[name].contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _read(path: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if str(path) in PACKAGED:
        path = Path(__file__).with_name("models") / f"{path}.safetensors"
    if not Path(path).is_file():
        raise SourceError(f"there is no model file {path}; train one (soilloss landcover train) or correct the path")
    try:
        with safe_open(path, framework="pt") as file:
            card = json.loads((file.metadata() or {})["card"])
            return card, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
    except SafetensorError as error:
        raise DataError(
            f"{path} is no safetensors file ({error}). Pickled models (.pt, .pth) run code when they are opened and "
            "are refused; load it where you trust it and write it with soilloss.landcover.save_model"
        ) from error
    except (KeyError, json.JSONDecodeError) as error:
        raise DataError(f"{path} has no model card; write it with soilloss.landcover.save_model") from error


def _check_card(card: Mapping[str, Any], model: HRFormer) -> None:
    for key in ("bands", "classes"):
        if len(card[key]) != model.settings[key]:
            raise DataError(
                f"the card names {len(card[key])} {key} ({', '.join(card[key])}), the network has "
                f"{model.settings[key]}; name each once"
            )
