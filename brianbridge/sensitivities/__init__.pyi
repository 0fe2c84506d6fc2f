from .result import Estimate as Estimate
from .result import Row as Row
from .result import Sensitivity as Sensitivity
from .run import sensitivity as sensitivity
