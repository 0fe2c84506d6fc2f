from .features import Features as Features
from .gradient_result import GradientFit as GradientFit
from .measured_result import MeasuredFit as MeasuredFit
from .result import Fit as Fit
from .run import fit as fit
from .spike_result import SpikeFit as SpikeFit
