"""Raw images to a trained, judged and pushed image generator."""

__version__ = '0.1.0'
