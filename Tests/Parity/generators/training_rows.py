"""Which films the reference trains on and holds out, for each of its settings and seed 42: CheXGenBench's choices by
random.sample and scikit-learn's train_test_split, of a table of 60 studies in which ids occur twice. Writes
fixtures/training/studies.csv and fixtures/training/rows.txt.

    python training_rows.py
"""

import random

import pandas as pd
from sklearn.model_selection import train_test_split

import places

folder = places.folder("training")
labels = "\"{'Edema': 1.0, 'Pneumonia': None}\""
with open(folder / "studies.csv", "w") as file:
    file.write("id,path,synthetic_filename,chexpert_labels,patientID\n")
    for i in range(60):
        file.write(f"s{i * 7919 % 47},r{i}.png,s{i}.png,{labels},p{i % 20}\n")

table = pd.read_csv(folder / "studies.csv")
real = ["real/" + name for name in table["path"]]
synthetic = ["synthetic/" + name for name in table["synthetic_filename"]]
random.seed(42)
drawn = table["id"].isin(random.sample(table["id"].to_list(), k=int(0.5 * len(table))))
lists = {
    "all_original": real,
    "all_synthetic": synthetic,
    "mixed": [f for f, d in zip(real, drawn) if not d] + [f for f, d in zip(synthetic, drawn) if d],
    "augmented": real + synthetic,
}
with open(folder / "rows.txt", "w") as file:
    for setting, films in lists.items():
        for side, chosen in zip(("train", "validation"), train_test_split(films, test_size=0.05, random_state=42)):
            file.write(f"{setting} {side}: {' '.join(chosen)}\n")
