"""
A Lightning module explains itself
==================================

A Lightning module keeps its usual life: training, checkpoint, ``load_from_checkpoint``, predict. One line in
``predict_step`` explains each picture. It needs ``pip install lightning``.
"""

import tempfile
from pathlib import Path

import lightning as L
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset
from torchvision import models

import ensemble_cam as ec


class Classifier(L.LightningModule):
    def __init__(self, classes):
        super().__init__()
        self.save_hyperparameters()
        self.net = models.squeezenet1_1(num_classes=len(classes))

    def training_step(self, batch, _):
        return torch.nn.functional.cross_entropy(self.net(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.AdamW(self.net.parameters(), lr=1e-4)

    def predict_step(self, batch, _):
        network = ec.Network(self.net, classes=self.hparams.classes, input_size=96, mean=0.5, std=0.25)
        return list(ec.explain_pictures(network, batch[:1], method="layercam"))


# %%
# One epoch on phantoms, far too short to learn anything.
phantoms = [ec.draw_phantom(seed, size=256) for seed in range(16)]
small = np.stack([Image.fromarray(each.pixels).resize((96, 96)) for each in phantoms])
pictures = (torch.from_numpy(small).float() / 255 - 0.5) / 0.25
labels = torch.tensor([int("Effusion" in each.findings) for each in phantoms])
loader = DataLoader(TensorDataset(pictures[:, None].expand(-1, 3, -1, -1), labels), batch_size=8)
quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
with tempfile.TemporaryDirectory() as folder:
    trainer = L.Trainer(max_epochs=1, enable_checkpointing=False, default_root_dir=folder, **quiet)
    trainer.fit(Classifier(["none", "effusion"]), loader)
    trainer.save_checkpoint(file := Path(folder, "last.ckpt"))
    trained = Classifier.load_from_checkpoint(file)
    by_name = ec.load_network("torchvision:squeezenet1_1", checkpoint=file, input_size=96)
explanations = [each for batch in L.Trainer(**quiet).predict(trained, loader) for each in batch]

# %%
# Without Lightning the same checkpoint is explained, too; its classes are among its hyper-parameters.
print(by_name.classes, by_name.weights)
explanations[0].figure()
