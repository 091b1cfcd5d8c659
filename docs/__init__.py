"""The documentation's own code: `python -m docs.generate` writes the pages that are made from the programs."""
