#!/bin/bash
# Outputs of rfactor (pip install rfactor). RFACTOR: a Python that has it.
set -euo pipefail
cd "$(dirname "$0")"
"${RFACTOR:-python3}" - <<'P'
import importlib.metadata
import pandas as pd
from rfactor import compute_erosivity, rfactor as laws

rain = pd.read_csv("inputs/rain.csv", parse_dates=["datetime"]).assign(station="S1")
rain["station"] = rain["station"].astype("string")
version = importlib.metadata.version("rfactor")
for law in ("rain_energy_verstraeten2006", "rain_energy_brown_and_foster1987", "rain_energy_mcgregor1995"):
    storms = compute_erosivity(rain, getattr(laws, law))
    name = law.split("_")[-1]
    with open(f"outputs/rfactor_{name}.csv", "w", encoding="utf-8") as out:
        out.write(f"# rfactor {version}: compute_erosivity(rain, {law})\n")
        columns = ["event_rain_cum", "max_30min_intensity", "event_energy", "erosivity"]
        storms[columns].to_csv(out, float_format="%.12g")
P
