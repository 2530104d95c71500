"""Train the small model that ships with the package, on made-up image series (ten minutes on one core).

python tools/train_small_model.py

It writes ``src/soilloss/landcover/models/small.safetensors``; the card inside says what it was trained on. The last run
is kept below ``build/small-model``, and one that was cut off goes on there.
"""

import shutil
from pathlib import Path

import torch

from soilloss.landcover.settings import WIDE, Refinement, Stage, Training
from soilloss.landcover.storage import load_model, save_model
from soilloss.landcover.synthetic import scene
from soilloss.landcover.training import train
from soilloss.landcover.validation import confusion, summary

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "src/soilloss/landcover/models/small.safetensors"
SEED = 7
TRAINING = Training(
    size="N",
    stages=(Stage("contrast", 60, 2e-3), Stage("supervise", 600, 2e-3), Stage("refine", 200, 2e-3)),
    epoch=50,
    refinement=Refinement(teacher=0.99, geometry=WIDE),
    seed=SEED,
)
DATA = (
    f"made-up series of 160 places of 64 x 64 cells and 16 quarters: soilloss.landcover.synthetic.scene, seed {SEED}. "
    "No image of a satellite. For trying the programs out; not for real areas"
)


def main() -> None:
    """Train, score on places of another scene, and write the model."""
    torch.set_num_threads(1)
    made = scene((160, 16, 0), seed=SEED)
    path = train(made.tiles, ROOT / "build/small-model", TRAINING, device="cpu", card={"data": DATA})
    model, card = load_model(path)
    other = scene((1, 0, 16), seed=SEED + 1)
    quarters = range(len(other.tiles.quarters))
    card["scores"]["new_places_all_quarters"] = summary(
        confusion(model, other.tiles, split="test", quarters=quarters, truth=other.truth)
    )
    card["licence"] = "Apache-2.0"
    TARGET.parent.mkdir(exist_ok=True)
    save_model(TARGET, model, card)
    print(TARGET, TARGET.stat().st_size, card["scores"]["new_places_all_quarters"])
    shutil.rmtree(ROOT / "build/small-model")


if __name__ == "__main__":
    main()
