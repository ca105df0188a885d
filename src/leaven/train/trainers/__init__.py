"""Subclasses of trainers; their modules import torch and TRL, so the registry never scans this folder."""
