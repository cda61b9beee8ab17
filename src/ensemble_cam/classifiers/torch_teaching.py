"""The teaching networks: the three families' own classes, shrunk until one fits into a megabyte.

They are built from the same upstream modules as the large ones, so that what is shown on them holds there: the last
activation is pooled, and a map explains the logit by that activation. Two things differ from the large ones. Their last
stages are not strided, for maps of 24×24 cells from films of 192 px. And the JF Healthcare one is cut behind its
attention and has one layer for all labels: upstream's chain of one attention for each label is nothing that a small
network learns in minutes.

`teaching/train.py` fills them.
"""

from types import SimpleNamespace

from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from ensemble_cam.classifiers.families import (
    TEACHING_DENSENET,
    TEACHING_JFHEALTHCARE,
    TEACHING_RESNET_BLOCKS,
    TEACHING_RESNET_PLANES,
    TEACHING_RESNET_STRIDES,
)
from ensemble_cam.classifiers.torch_upstream import torchxrayvision
from ensemble_cam.settings.families import TEACHING_LABELS


def teaching_densenet() -> nn.Module:
    """Build torchxrayvision's DenseNet with two blocks; (n, 1, 192, 192) → `features` of (n, 168, 24, 24)."""
    return torchxrayvision().models.DenseNet(
        growth_rate=TEACHING_DENSENET.growth,
        block_config=TEACHING_DENSENET.blocks,
        num_init_features=TEACHING_DENSENET.features,
        bn_size=TEACHING_DENSENET.bottleneck,
        num_classes=len(TEACHING_LABELS),
        weights=None,
        apply_sigmoid=False,
    )


class TeachingResNet(ResNet):  # type: ignore[misc]  # torchvision carries no types
    """torchvision's ResNet of basic blocks, narrow, for one channel; `layer3` and `layer4` keep the resolution."""

    def __init__(self) -> None:
        super().__init__(BasicBlock, [1, 1, 1, 1], num_classes=len(TEACHING_LABELS))
        self.inplanes = TEACHING_RESNET_PLANES[0]
        self.conv1 = nn.Conv2d(1, TEACHING_RESNET_PLANES[0], kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(TEACHING_RESNET_PLANES[0])
        stages = zip(TEACHING_RESNET_PLANES, TEACHING_RESNET_BLOCKS, TEACHING_RESNET_STRIDES, strict=True)
        for number, (planes, blocks, stride) in enumerate(stages, start=1):
            setattr(self, f"layer{number}", self._make_layer(BasicBlock, planes, blocks, stride=stride))
        self.fc = nn.Linear(TEACHING_RESNET_PLANES[-1], len(TEACHING_LABELS))


def teaching_jfhealthcare() -> nn.Module:
    """Build JF Healthcare's `Classifier`: its attention and AVG_MAX pooling over a small one of its own DenseNets.

    Upstream takes the backbone from a table by name; the small one is entered there under a name of its own.
    """
    upstream = torchxrayvision().baseline_models.jfhealthcare.classifier
    densenet = upstream.densenet121.__globals__["DenseNet"]  # its module is not kept importable, see `upstream`

    def backbone(settings: SimpleNamespace) -> nn.Module:
        sizes = TEACHING_JFHEALTHCARE
        return densenet(
            growth_rate=sizes.growth,
            block_config=sizes.blocks,
            num_init_features=sizes.features,
            bn_size=sizes.bottleneck,
            norm_type=settings.norm_type,
        )

    upstream.BACKBONES[_BACKBONE], upstream.BACKBONES_TYPES[_BACKBONE] = backbone, "densenet"
    network = upstream.Classifier(
        SimpleNamespace(
            backbone=_BACKBONE,
            pretrained=False,
            norm_type="BatchNorm",
            num_classes=[len(TEACHING_LABELS)],
            global_pool="AVG_MAX",
            fc_bn=True,
            attention_map="FPA",
            lse_gamma=0.5,
            fc_drop=0,
        )
    )
    # Built by upstream, and used by other settings only or not at all: most of the bytes.
    network.attention_map.spatial_attention = nn.Identity()
    network.attention_map.channel_attention = nn.Identity()
    network.backbone.classifier = nn.Identity()
    return network


_BACKBONE = "ensemble-cam teaching"
