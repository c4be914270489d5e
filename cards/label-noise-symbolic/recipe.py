"""The loss ``label-noise`` as three short expressions (EvoMAL).

Run: ``ml3zoo train label-noise-symbolic``. The log weight of each of the three cross-entropies is an expression that
evolution found (``python -m ml3zoo.training.label_noise_symbolic``), by how well its coefficients can be fitted to the
gradients of ``label-noise``. Meta-training starts from that fit.
"""

from ml3zoo.meta.initialisation.evolution import Evolution
from ml3zoo.training.label_noise import student_recipe
from ml3zoo.zoo.loading import load_loss

EVOLUTION = Evolution(population=40, generations=25, parents=10, longest=80, price=0.0005, iterations=25)
EXPRESSIONS = (
    "c c s0 mul add c s1 mul add c s2 mul add c s5 mul add c add s0 mul c s5 mul add",
    "s1 c s4 mul add c s5 mul add",
    "c s0 mul c s3 s2 sub mul add c s4 mul add c s5 mul add",
)

RECIPE = student_recipe(
    name="label-noise-symbolic",
    summary=(
        "The loss label-noise written as three short expressions: found by evolution, then meta-trained. Against the "
        "network: a little worse on its main tasks, and it needs its learning rate tuned on other networks (compare "
        "the cards); it is somewhat cheaper on large batches, and its formula can be read."
    ),
    family="symbolic",
    architecture={"tokens": " ".join(EXPRESSIONS).split()},
)


def search() -> list[str]:
    """The tokens that evolution finds for a student of ``label-noise``; takes about ten minutes."""
    training_configs = [RECIPE.training.training_configs[k] for k in (0, 2, 4)]
    student = EVOLUTION(load_loss("label-noise"), RECIPE.config, training_configs, tasks=2, snapshots=5)
    return list(student.config.architecture["tokens"])


if __name__ == "__main__":
    print(" ".join(search()))
