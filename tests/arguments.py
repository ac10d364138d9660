"""What every public function likes to be given: the start of a search for arguments
that it should refuse.
"""

import functools
import importlib
import inspect

import numpy as np

# The commands of cli are tried by their words. The only public name of style is a
# Figure, whose arguments matplotlib checks.
MODULES = (
    "boltzmann",
    "images",
    "stream",
    "swish",
    "layers",
    "energy",
    "files",
    "langevin",
    "mala",
    "graphs",
    "sampling",
    "replay",
    "contrastive_divergence",
    "recipe",
    "averages",
    "training",
    "monitor",
    "watch",
    "checkpoints",
    "runs",
    "evaluation",
    "judge",
    "reports",
    "applications",
    "strangers",
    "scaling",
    "tables",
    "priors",
    "log_z",
    "workers",
    "scale",
    "plot",
    "pictures",
    "planes",
    "panels",
    "distances",
    "points",
    "page",
    "percentiles",
    "frames",
    "scrubber",
    "exports",
    "playground",
)


def bowl(x):
    import tensorflow as tf

    return tf.reduce_sum(x**2, axis=tuple(range(1, len(x.shape))))


def public():
    """Every public function and class, by module and name, but for plain records
    (NamedTuples) and exceptions, which check nothing.
    """
    for module in MODULES:
        for name in (found := importlib.import_module(f"ebm_nb.{module}")).__all__:
            value = getattr(found, name)
            plain = (
                hasattr(value, "_fields")
                or inspect.isclass(value)
                and issubclass(value, Exception)
            )
            if callable(value) and not plain:
                yield f"{module}.{name}", value


@functools.cache
def good(folder):
    "Name: arguments that the function likes; paths lie in folder. All are small."
    from ebm_nb import (
        boltzmann,
        checkpoints,
        energy,
        files,
        judge,
        langevin,
        mala,
        log_z,
        frames,
        pictures,
        monitor,
        plot,
        priors,
        reports,
        sampling,
        scale,
        training,
    )
    from ebm_nb import points as points_
    from ebm_nb.recipe import STABLE, Recipe
    import tensorflow as tf

    points, key = (
        np.linspace(-0.9, 0.9, 4, dtype="float32").reshape(2, 2),
        tf.constant([0, 1]),
    )
    rng, x = np.random.default_rng(0), tf.constant(points)
    images = rng.uniform(-1, 1, (80, 32, 32, 1)).astype("float32")
    cells = boltzmann.grid(-1, 1, 4, 2)
    recipe = Recipe(batch_size=2, capacity=4)
    model = training.EnergyModel(energy.energy_mlp(2, (4,)), recipe)
    model.compile()
    walked = sampling.Trajectory(
        np.arange(3),
        images[:6].reshape(3, 2, 32, 32, 1),
        np.zeros((3, 2)),
        np.zeros((3, 2)),
    )
    seen = frames.read(walked)
    features, judge_ = rng.normal(size=(40, 3)), judge.load_judge()
    report = reports.evaluate(images[:64], images, images[:64], judge_)
    judged = points_.evaluate_points(features, features, features)
    prior = priors.box_prior((2,))
    forward = log_z.ais(bowl, prior, 4, 3)
    png = plot.save(pictures.image_grid(images[:1]), folder / "one.png")
    weights = files.save_energy(energy.energy_cnn((16, 16, 1)), folder / "energy")
    checkpoints.save_checkpoint(model, folder, checkpoints.Progress())
    strategy = scale.make_strategy()
    kernel = {
        "step_size": 0.1,
        "noise_scale": 0.1,
        "grad_clip": 1.0,
        "bounds": (-1.0, 1.0),
        "settle": 5,
    }
    sampler = langevin.Langevin(**kernel)
    chains = {"steps": 2, "sampler": sampler, "seed": 0}
    walk = {"energy": bowl, "x0": points, **chains}
    drawn = {"points": features[:, :2], "ax": None}
    curve = {
        "x": np.arange(3),
        "lines": {"a": np.arange(3.0)},
        "xlabel": "x",
        "ylabel": "y",
        "xscale": "linear",
        "yscale": "linear",
    }
    signs = {**monitor.vital_signs(model), "followed": 0.0}
    read = {"size": None, "colour": None, "invert": None, "fit": "pad", "key": None}
    (table := folder / "table.csv").write_text("a,b\n1,2\n3,4\n")
    return {
        "boltzmann.harmonic": {"x": points, "k": 1.0},
        "boltzmann.double_well": {
            "x": points,
            "barrier": 1.0,
            "well": 1.0,
            "tilt": 0.0,
        },
        "boltzmann.grid": {"low": -1.0, "high": 1.0, "n": 3, "dim": 2},
        "boltzmann.log_z": {"energy": bowl, "grid": cells, "temperature": 1.0},
        "boltzmann.density": {"energy": bowl, "grid": cells, "temperature": 1.0},
        "boltzmann.mixture": {"x": points, "means": points, "scale": 1.0},
        "boltzmann.ring": {"x": points, "radius": 1.0, "width": 1.0},
        "boltzmann.score": {"energy": bowl, "x": points, "temperature": 1.0},
        "boltzmann.exact_samples": {
            "energy": bowl,
            "grid": cells,
            "n": 3,
            "temperature": 1.0,
            "seed": 0,
        },
        "images.to_images": {"x": images[:2], "name": "x"},
        "images.read_images": {"source": "digits"} | read,
        "images.load_images": {"source": "digits"} | read,
        "images.load_labels": {"source": "digits", "key": None},
        "stream.batches": {"x": points, "batch_size": 2, "seed": 0, "start": 0},
        "swish.swish": {"x": points, "beta": 1.0},
        "swish.swish_derivative": {"x": points, "beta": 1.0},
        "energy.energy_cnn": {
            "image_shape": (16, 16, 1),
            "width": 1,
            "classes": 2,
            "residual": False,
        },
        "layers.FirstConv2D": {
            "filters": 2,
            "kernel_size": 5,
            "strides": 2,
            "padding": "same",
        },
        "energy.energy_mlp": {"dim": 2, "units": (4,)},
        "files.atomic": {"path": folder / "atomic.txt", "mode": "wb"},
        "files.save_energy": {"energy": model.energy, "folder": folder / "saved"},
        "files.load_energy": {"path": weights},
        "files.load_pretrained": {"name": "digits"},
        "langevin.energy_and_grad": {"energy": bowl, "x": x},
        "langevin.Langevin": {**kernel, "momentum": 0.5},
        "mala.MALA": {"step_size": 0.1, "temperature": 1.0, "bounds": (-1.0, 1.0)},
        "langevin.ula": {"step_size": 0.1, "temperature": 1.0},
        "graphs.Compiled": {"energy": bowl},
        "sampling.sample": {
            **walk,
            "batch_size": 512,
            "progress": False,
            "info": False,
            "together": False,
        },
        "sampling.sample_portions": {**walk, "batch_size": 512, "done": 0},
        "sampling.sample_trajectory": {**walk, "keep": 2},
        "replay.ReplayBuffer": {
            "shape": (2,),
            "capacity": 4,
            "fresh": 0.1,
            "in_place": False,
            "bounds": (-1.0, 1.0),
            "seed": key,
        },
        "contrastive_divergence.contrastive_loss": {
            "energy_pos": x[0],
            "energy_neg": x[1],
            "alpha": 0.1,
        },
        "recipe.Recipe": dict(vars(STABLE)),
        "averages.averaged_weights": {"model": model},
        "training.EnergyModel": {
            "energy": model.energy,
            "recipe": recipe,
            "seed": 0,
            "shape": (2,),
            "devices": None,
        },
        "monitor.vital_signs": {"model": model, "n": 2},
        "monitor.diagnose": {
            "signs": signs,
            "real": 0.0,
            "fake": 0.0,
            "reg": 0.0,
            "young": False,
            "peak": {"size": 1.0},
        },
        "monitor.HealthMonitor": {"every": 100, "failures": 3, "warm_up": 500},
        "watch.PointWatch": {"x": points, "warm_up": 500, "n": 256},
        "checkpoints.load_checkpoint": {"model": model, "folder": folder},
        "checkpoints.Checkpoints": {
            "folder": folder,
            "begin": checkpoints.Progress(),
            "every": 1,
            "stop": lambda: False,
            "publish": lambda history: None,
        },
        "runs.SampleGrid": {
            "folder": folder / "grid",
            "n": 4,
            "steps": 2,
            "seed": 0,
        },
        "runs.train": {
            "model": model,
            "x_train": points,
            "x_test": points,
            "folder": folder / "run",
            "epochs": 1,
            "steps_per_epoch": 1,
            "resume": False,
            "config": None,
            "callbacks": (),
            "every": 1,
            "stop": lambda: False,
            "lock": True,
            "verbose": 0,
        },
        "frames.spaced": {"total": 10, "frames": 4, "spacing": "log"},
        "frames.readout": {"frames": seen, "index": 0},
        "scrubber.Scrubber": {
            "trajectory": walked.x,
            "energy": walked.energy,
            "frames": 3,
            "spacing": "linear",
        },
        "exports.export_energy": {
            "energy": energy.energy_mlp(2, (4,)),
            "path": folder / "energy.bin",
            "sampler": langevin.FOR_IMAGES,
            "steps": 2,
            "half": True,
            "name": "x",
            "known": np.arange(3.0),
        },
        "playground.Playground": {
            "energy": energy.energy_mlp(2, (4,)),
            "sampler": langevin.FOR_IMAGES,
            "steps": 2,
            "known": np.arange(3.0),
            "name": "x",
        },
        "evaluation.frechet_distance": {"features_a": features, "features_b": features},
        "evaluation.kernel_distance": {
            "features_a": features,
            "features_b": features,
            "groups": 2,
            "seed": 0,
        },
        "evaluation.precision_recall": {
            "features": features,
            "reference": features,
            "k": 3,
        },
        "evaluation.coverage": {"features": features, "reference": features, "k": 3},
        "evaluation.nearest": {"queries": features, "references": features, "k": 1},
        "judge.load_judge": {"folder": None},
        "reports.reference": {
            "x_train": images[:4],
            "x_test": images[:4],
            "judge": judge_,
        },
        "reports.evaluate": {
            "samples": images[:64],
            "x_train": images,
            "x_test": images[:64],
            "judge": judge_,
            "seed": 0,
            "ref": None,
        },
        "reports.report_table": {"report": report},
        "reports.compare": {"reports": {"a": report}, "names": ("frechet",)},
        "applications.auroc": {"inside": np.zeros(3), "outside": np.ones(3)},
        "strangers.strangers": {"x_test": images[:2], "seed": 0},
        "applications.denoise": {
            "energy": bowl,
            "damaged": points,
            "pull": 0.1,
            **chains,
        },
        "applications.inpaint": {
            "energy": bowl,
            "x": points,
            "known": points > 0,
            **chains,
        },
        "applications.product": {"energies": (bowl, bowl), "weights": (1.0, 2.0)},
        "applications.either": {"energies": (bowl, bowl)},
        "applications.outlier_scores": {
            "energy": bowl,
            "x": points,
            "bounds": (-1.0, 1.0),
            "batch_size": 10,
        },
        "scaling.robust_scale": {"rows": features},
        "tables.read_table": {
            "path": table,
            "columns": ["a"],
            "drop": ["b"],
            "missing": "drop",
        },
        "priors.normal_prior": {"shape": (2,), "scale": 1.0},
        "priors.box_prior": {"shape": (2,), "low": -1.0, "high": 1.0},
        "log_z.ais": {
            "energy": bowl,
            "prior": prior,
            "n": 4,
            "betas": 3,
            "temperature": 1.0,
            "step_size": None,
            "sampler": mala.MALA,
            "seed": 0,
        },
        "log_z.reverse_ais": {
            "energy": bowl,
            "prior": prior,
            "x": points,
            "forward": forward,
            "temperature": 1.0,
            "sampler": mala.MALA,
            "seed": 0,
        },
        "log_z.interval": {"forward": forward, "reverse": forward, "confidence": 0.95},
        "workers.make_strategy": {"devices": 1},
        "scale.sharded_model": {
            "build": lambda: energy.energy_mlp(2, (4,)),
            "recipe": recipe,
            "seed": 0,
            "shape": (2,),
            "strategy": strategy,
            "buffer_on": None,
        },
        "scale.sample_sharded": {"strategy": strategy, **walk, "batch_size": 512},
        "scale.train_on": {
            "model": model,
            "x_train": points,
            "x_test": points,
            "folder": folder / "run",
            "epochs": 1,
            "steps_per_epoch": 1,
            "verbose": 0,
        },
        "plot.figure": {"width": 1.0, "height": 1.0, "rows": 1, "columns": 1},
        "plot.save": {"fig": plot.figure()[0], "path": folder / "f.png"},
        "pictures.image_grid": {
            "images": images[:2],
            "columns": 2,
            "titles": ["a", "b"],
            "ax": None,
        },
        "pictures.image_strip": {
            "images": images[:2],
            "labels": ["a", "b"],
            "name": "x",
            "ax": None,
        },
        "plot.curves": curve,
        "plot.histograms": {
            "samples": {"a": features},
            "xlabel": "x",
            "bins": 4,
            "exact": (np.arange(3), np.arange(3)),
            "yscale": "linear",
            "ax": None,
        },
        "planes.density_2d": {
            "grid_xy": cells.points,
            "values": np.zeros(16),
            **drawn,
            "label": "x",
        },
        "planes.points_on_energy": {
            "energies": np.arange(16.0),
            "extent": (-1, 1, -1, 1),
            "path": features[:, :2],
            "levels": 3,
            **drawn,
        },
        "planes.surface_path": {
            "x": np.arange(3),
            "y": np.arange(4),
            "z": np.zeros((4, 3)),
            "path": features,
            "ax": None,
        },
        "panels.training_curves": {
            "history": {"cdiv": [1.0, 2.0]},
            "batches": {"cdiv": [1.0, 2.0, 3.0, 4.0]},
        },
        "pictures.film": {
            "pictures": [png],
            "path": folder / "film.gif",
            "pause": 0.5,
            "shrink": 2,
        },
        "plot.bars": {
            "labels": ["a", "b"],
            "values": {"x": [1.0, 2.0]},
            "ylabel": "y",
            "ax": None,
        },
        "planes.arrows": {"points": points, "vectors": points, "ax": None},
        "pictures.image_rows": {"rows": {"a": images[:2]}, "ax": None},
        "panels.report_figure": {
            "report": report,
            "samples": images[:64],
            "x_train": images,
            "name": "x",
        },
        "distances.kernel_test": {
            "a": features,
            "b": features,
            "permutations": 9,
            "seed": 0,
            "most": 10,
        },
        "distances.sliced_wasserstein": {
            "a": features,
            "b": features,
            "directions": 5,
            "seed": 0,
        },
        "distances.compare_columns": {
            "a": features,
            "b": features,
            "names": ["a", "b", "c"],
        },
        "points.evaluate_points": {
            "samples": features,
            "x_train": features,
            "x_test": features,
            "names": ["a", "b", "c"],
            "seed": 0,
        },
        "points.columns_table": {"report": judged},
        "page.points_figure": {
            "report": judged,
            "samples": features,
            "x_train": features,
            "name": "x",
        },
        "percentiles.percentiles": {
            "energies": np.arange(3.0),
            "reference": np.arange(3.0),
        },
        "percentiles.scores_frame": {
            "heading": "row",
            "names": [1, 2, 3],
            "energies": np.arange(3.0),
            "reference": np.arange(3.0),
            "contamination": 0.01,
            "beside": None,
        },
        "panels.threshold_figure": {
            "energies": {"a": np.arange(3.0)},
            "threshold": 1.0,
            "rows": {"a": images[:2]},
        },
    }


def call(function, arguments):
    """The function's result; a context is entered, a stream is read, stars are filled
    in.
    """
    parameters = list(inspect.signature(function).parameters.values())
    star = next(
        (
            i
            for i, each in enumerate(parameters)
            if each.kind is each.VAR_POSITIONAL and each.name in arguments
        ),
        -1,
    )
    first = [
        each
        for i, each in enumerate(parameters)
        if each.kind is each.POSITIONAL_ONLY or i < star
    ]
    positional = [arguments.pop(each.name) for each in first]
    if star >= 0:
        several = arguments.pop(parameters[star].name)
        positional += several if isinstance(several, (list, tuple)) else [several]
    result = function(*positional, **arguments)
    if hasattr(result, "__enter__") and hasattr(result, "gen"):
        with result:
            return None
    return list(result) if inspect.isgenerator(result) else result
