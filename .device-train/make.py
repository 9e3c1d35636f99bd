"""One command a stage: python make.py STAGE --corpus DIR --work DIR --out DIR [--toy]. See README.md."""
import argparse
from dataclasses import replace
from pathlib import Path

STAGES = ['tokenizer', 'check', 'prepare', 'train', 'export', 'evaluate', 'goldens', 'all']


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('stage', choices=STAGES)
    parser.add_argument('--corpus', type=Path, required=True, help='corpus*.txt.xz and tokenizer.json')
    parser.add_argument('--work', type=Path, required=True, help='prepared tokens')
    parser.add_argument('--out', type=Path, required=True, help='checkpoints, model and goldens')
    parser.add_argument('--toy', action='store_true', help='a tiny model, minutes on a CPU')
    parser.add_argument('--seconds', type=float, help='training time')
    parser.add_argument('--packed', type=Path, help='export: a packed folder; without it OUT/packed')
    parser.add_argument('--suite', type=Path, help='evaluate: a suite of harness/suites for free-running acceptance')
    return parser.parse_args()


def run(stage: str, given: argparse.Namespace) -> None:
    from settings import FULL, TOY, Folders
    settings = TOY if given.toy else FULL
    if given.seconds:
        settings = replace(settings, seconds=given.seconds)
    folders = Folders(given.corpus, given.work, given.out)
    if stage == 'tokenizer':
        from tokenizer import train_tokenizer
        return train_tokenizer(settings, folders)
    if stage == 'check':
        from tokenizer import check_tokenizer
        return check_tokenizer(folders.corpus / 'tokenizer.json')
    if stage == 'prepare':
        from prepare import prepare
        return prepare(settings, folders)
    import torch
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    if device == 'cpu' and not given.toy and stage == 'train':
        raise SystemExit('No GPU: the full model cannot be trained here. Use --toy to try the chain.')
    if stage == 'train':
        from training import train
        train(settings, folders, device)
    elif stage == 'export':
        from export import export_model, split_tensors
        from planes import unpack
        tensors, facts = unpack(given.packed or folders.out / 'packed')
        export_model(*split_tensors(tensors), facts, folders.corpus / 'tokenizer.json', folders.model)
    elif stage == 'evaluate':
        from evaluation import evaluate
        evaluate(settings, folders, device, given.suite)
    elif stage == 'goldens':
        from golden import make_goldens
        make_goldens(settings, folders, device)


if __name__ == '__main__':
    given = arguments()
    for stage in ['check', 'prepare', 'train', 'export', 'evaluate', 'goldens'] if given.stage == 'all' else [given.stage]:
        run(stage, given)
