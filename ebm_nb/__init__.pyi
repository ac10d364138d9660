# Written by tools/stub.py from nbs/41_package.ipynb.

from . import applications as applications
from . import boltzmann as boltzmann
from . import contrastive_divergence as contrastive_divergence
from . import evaluation as evaluation
from . import judge as judge
from . import log_z as log_z
from . import panels as panels
from . import pictures as pictures
from . import planes as planes
from . import plot as plot
from . import priors as priors
from . import reports as reports
from . import scale as scale
from . import scrubber as scrubber
from . import swish as swish
from .energy import energy_cnn as energy_cnn
from .energy import energy_mlp as energy_mlp
from .files import load_energy as load_energy
from .files import load_pretrained as load_pretrained
from .files import save_energy as save_energy
from .graphs import Compiled as Compiled
from .images import load_images as load_images
from .langevin import FOR_IMAGES as FOR_IMAGES
from .langevin import MALA as MALA
from .langevin import Langevin as Langevin
from .langevin import ula as ula
from .recipe import BOOK as BOOK
from .recipe import STABLE as STABLE
from .recipe import Recipe as Recipe
from .sampling import Trajectory as Trajectory
from .sampling import sample as sample
from .sampling import sample_portions as sample_portions
from .sampling import sample_trajectory as sample_trajectory
from .training import EnergyModel as EnergyModel

__version__: str
