"""Ordinary losses that learned ones are measured against, where torch has none."""

from ml3zoo.losses.ordinary.classification import (
    ActivePassive,
    AsymmetricGeneralizedCrossEntropy,
    BiTempered,
    FocalLoss,
    GeneralizedCrossEntropy,
    MeanAbsoluteProbability,
    NormalizedCrossEntropy,
    PartiallyHuberisedCrossEntropy,
    ReverseCrossEntropy,
    SymmetricCrossEntropy,
)
from ml3zoo.losses.ordinary.early_learning import EarlyLearningRegularization
from ml3zoo.losses.ordinary.long_tail import LDAM, ClassBalanced, LogitAdjustment
from ml3zoo.losses.ordinary.partly_labelled import PartlyLabelled
from ml3zoo.losses.ordinary.policy_gradient import ClippedSurrogate, DiscoveredPolicyOptimization
from ml3zoo.losses.ordinary.regression import GeneralRobustLoss, LogCosh

__all__ = [
    "LDAM",
    "ActivePassive",
    "AsymmetricGeneralizedCrossEntropy",
    "BiTempered",
    "ClassBalanced",
    "ClippedSurrogate",
    "DiscoveredPolicyOptimization",
    "EarlyLearningRegularization",
    "FocalLoss",
    "GeneralRobustLoss",
    "GeneralizedCrossEntropy",
    "LogCosh",
    "LogitAdjustment",
    "MeanAbsoluteProbability",
    "NormalizedCrossEntropy",
    "PartiallyHuberisedCrossEntropy",
    "PartlyLabelled",
    "ReverseCrossEntropy",
    "SymmetricCrossEntropy",
]
