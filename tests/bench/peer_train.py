# SPDX-License-Identifier: MIT
"""peer_train.py ROW FOLDER PEER: the steps of tests/bench/train.c by PyTorch, from the same weights, tokens, layouts and
neighbourhoods (for `make bench`; nothing of broca needs Python). PEER: torch, torch-best (fp32), torch-bf16 (autocast)."""
import json
import math
import resource
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

STEPS, WARM = 6, 2


def read_safetensors(path):
    with open(path, "rb") as f:
        size = int.from_bytes(f.read(8), "little")
        header = json.loads(f.read(size))
        data = np.frombuffer(f.read(), dtype=np.uint8)
    out = {}
    for name, about in header.items():
        if name != "__metadata__":
            begin, end = about["data_offsets"]
            out[name] = torch.nn.Parameter(torch.from_numpy(data[begin:end].view(np.float32).reshape(about["shape"]).copy()))
    return out


def forward(w, ids, heads, taps):
    layers = sum(name.endswith("ln_1.weight") for name in w)
    n, length = ids.shape
    x = w["transformer.wte.weight"][ids] + w["transformer.wpe.weight"][:length]
    d = x.shape[-1]
    mask = torch.full((length, length), float("-inf")).triu(1)

    def norm(x, name):
        return F.layer_norm(x, (d,), w[name + ".weight"], w[name + ".bias"], 1e-5)

    def linear(x, name):
        return F.linear(x, w[name + ".weight"].t(), w[name + ".bias"])

    for i in range(layers):
        at = "transformer.h.%d." % i
        q, k, v = linear(norm(x, at + "ln_1"), at + "attn.c_attn").split(d, dim=2)
        q, k, v = (y.view(n, length, heads, d // heads).transpose(1, 2) for y in (q, k, v))
        p = F.softmax(q @ k.transpose(2, 3) / math.sqrt(d // heads) + mask, dim=-1)
        a = linear((p @ v).transpose(1, 2).reshape(n, length, d), at + "attn.c_proj")
        x = x + a
        m = linear(F.gelu(linear(norm(x, at + "ln_2"), at + "mlp.c_fc")), at + "mlp.c_proj")
        x = x + m
        taps += [a, m]
    return F.linear(norm(x, "transformer.ln_f"), w["transformer.wte.weight"])


def spatial_loss(taps, positions, drawn):
    """drawn [taps, k, members]; positions [taps, d, 2]"""
    total = 0
    for tap, at, lists in zip(taps, positions, drawn):
        x = tap.float().flatten(0, 1)
        for units in lists:
            r = torch.corrcoef(x[:, units].t())
            near = 1 / (1 + torch.cdist(at[units], at[units]))
            low = torch.tril_indices(len(units), len(units), -1)
            pair = torch.stack([r[low[0], low[1]], near[low[0], low[1]]])
            total = total + 0.5 * (1 - torch.corrcoef(pair)[0, 1]) / len(lists)
    return total


def main():
    row, folder, peer = sys.argv[1:4]
    small = row[0] == "S"
    heads, vocabulary, length = (4, 500, 64) if small else (12, 50257, 256)
    w = read_safetensors(folder + "/weights.safetensors")
    tokens = torch.from_numpy(np.fromfile(folder + "/tokens.i4", dtype=np.int32).astype(np.int64)).view(STEPS, 4, length + 1)
    spatial = "s" in row
    if spatial:
        d = w["transformer.wte.weight"].shape[1]
        positions = torch.from_numpy(np.fromfile(folder + "/positions.f4", dtype=np.float32)).view(-1, d, 2)
        members = 9 if small else 81
        drawn = torch.from_numpy(np.fromfile(folder + "/neighbourhoods.i4", dtype=np.int32).astype(np.int64))
        drawn = drawn.view(STEPS, len(positions), 5, members)
    groups = [{"params": [p for p in w.values() if p.dim() > 1], "weight_decay": 0.1},
              {"params": [p for p in w.values() if p.dim() == 1], "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.95), eps=1e-8)
    seconds, cpu, lines = [], [], []
    for step in range(STEPS):
        begin, used = time.time(), time.process_time()
        rate = 3e-4 * step / 2 if step < 2 else 3e-5 + 0.5 * (1 + math.cos(math.pi * (step - 2) / 98)) * (3e-4 - 3e-5)
        for group in groups:
            group["lr"] = rate
        for group in optimiser.param_groups:
            group["lr"] = rate
        taps = []
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=peer.endswith("bf16")):
            logits = forward(w, tokens[step, :, :-1], heads, taps)
        ce = F.cross_entropy(logits.float().view(-1, vocabulary), tokens[step, :, 1:].reshape(-1))
        loss, smooth = ce, float("nan")
        if spatial:
            smooth = spatial_loss(taps, positions, drawn[step])
            loss = ce + 2.5 * smooth
            smooth = smooth.item() / len(positions)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(list(w.values()), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        seconds.append(time.time() - begin)
        cpu.append(time.process_time() - used)
        lines.append("ce%d\t%.6f\tspatial%d\t%.6f\tnorm%d\t%.5f" % (step, ce.item(), step, smooth, step, norm.item()))
    print("seconds\t%.4f\tcpu\t%.4f\tmb\t%.0f\tversion\ttorch %s" % (np.mean(seconds[WARM:]), np.mean(cpu[WARM:]),
          resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, torch.__version__))
    print("\n".join(lines))


main()
