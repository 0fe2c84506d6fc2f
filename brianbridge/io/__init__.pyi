from .inspect import describe_file as describe_file
from .networks.file import load_network as load_network
from .networks.file import save_network as save_network
from .spikes.file import PopulationSpikes as PopulationSpikes
from .spikes.file import SpikeFile as SpikeFile
from .spikes.file import SpikeFileWriter as SpikeFileWriter
from .spikes.file import read_spikes as read_spikes
