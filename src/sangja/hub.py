"""`sangja.hub`: PyTorch's names for models fetched from repositories. They are refused."""

from sangja.core.hub import (
    refuse as download_url_to_file,
    refuse as help,
    refuse as list,
    refuse as load,
    refuse as load_state_dict_from_url,
)

__all__ = ["download_url_to_file", "help", "list", "load", "load_state_dict_from_url"]
