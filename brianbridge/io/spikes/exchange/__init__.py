"""Spikes in the formats of other tools: CSV, Parquet, NWB, Neo and NIRData.

`stream` describes spikes that are read piece by piece. `tables` and `nwb` write them to files of
other tools and read them back, and `convert` chooses by the ending of a file's name. `neo_blocks`
and `nir_data` make objects of Neo and NIR.
"""
