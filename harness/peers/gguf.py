"""Runs llama.cpp's own GGUF converter, which knows tokenizers by a hash, on a tokenizer that it has not met.

Usage: python gguf.py LLAMA_CPP MODEL OUT

A tokenizer whose pre-tokenizer splits by Qwen2's pattern is told to it as `qwen2`; any other stays unknown.
"""
import json
import runpy
import sys
from pathlib import Path

QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def splits_like_qwen2(model):
    pre = json.loads((model / "tokenizer.json").read_text())["pre_tokenizer"]
    patterns = [part["pattern"].get("Regex") for part in pre.get("pretokenizers", [pre]) if "pattern" in part]
    return patterns == [QWEN2]


def main():
    llama_cpp, model, out = (Path(argument).resolve() for argument in sys.argv[1:4])
    sys.path[:0] = [str(llama_cpp), str(llama_cpp / "gguf-py")]
    from conversion.base import TextModel

    known = TextModel.get_vocab_base_pre

    def named(self, tokenizer):
        try:
            return known(self, tokenizer)
        except NotImplementedError:
            if splits_like_qwen2(model):
                return "qwen2"
            raise

    TextModel.get_vocab_base_pre = named
    sys.argv = ["convert_hf_to_gguf.py", str(model), "--outfile", str(out), "--outtype", "f32"]
    runpy.run_path(str(llama_cpp / "convert_hf_to_gguf.py"), run_name="__main__")


main()
