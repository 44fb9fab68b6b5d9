"""The stage-1 step of AUA (arXiv 2111.10989) in plain PyTorch, as a careful person would write it there.

    python3 bench/pytorch_step.py --patch 80,112,112 --precision fp32 --repeats 3

Same network, batch size, losses and optimizer as `npm run bench -- step`; prints one line of JSON with the median.
Made to be run beside it, on the same libtorch (Debian: apt-get install python3-torch).
"""

import argparse
import copy
import json
import math
import os
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F


def conv_block(count, inside, outside):
    layers = []
    for i in range(count):
        layers += [nn.Conv3d(inside if i == 0 else outside, outside, 3, padding=1), nn.BatchNorm3d(outside), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def resize(layer, channels):
    return nn.Sequential(layer, nn.BatchNorm3d(channels), nn.ReLU(inplace=True))


class VNet(nn.Module):
    def __init__(self, classes, filters=16, rank=8):
        super().__init__()
        width = [filters * 2**level for level in range(5)]
        counts = [1, 2, 3, 3, 3]
        self.encoder = nn.ModuleList(conv_block(counts[i], 1 if i == 0 else width[i], width[i]) for i in range(5))
        self.down = nn.ModuleList(resize(nn.Conv3d(width[i], width[i + 1], 2, stride=2), width[i + 1]) for i in range(4))
        self.up = nn.ModuleList(resize(nn.ConvTranspose3d(width[i + 1], width[i], 2, stride=2), width[i]) for i in range(4))
        self.decoder = nn.ModuleList(conv_block(counts[i], width[i], width[i]) for i in range(4))
        self.dropout = nn.Dropout3d(0.5)
        self.out = nn.Conv3d(filters, filters, 1)
        self.head = nn.Sequential(nn.Conv3d(filters, filters, 1), nn.ReLU(), nn.Conv3d(filters, filters, 1), nn.ReLU(), nn.Conv3d(filters, filters, 1))
        self.mean = nn.Conv3d(filters, classes, 1)
        self.log_diagonal = nn.Conv3d(filters, classes, 1)
        self.factor = nn.Conv3d(filters, classes * rank, 1)
        self.classes, self.rank = classes, rank

    def forward(self, x):
        skips = []
        for level in range(4):
            x = self.encoder[level](x)
            skips.append(x)
            x = self.down[level](x)
        x = self.dropout(self.encoder[4](x))
        for level in reversed(range(4)):
            x = self.decoder[level](self.up[level](x) + skips[level])
        z = self.out(self.dropout(x))
        y = F.relu(z)
        mean, diagonal = self.mean(y).float(), self.log_diagonal(y).float().exp() + 1e-5
        return z, mean, diagonal, self.factor(y).float()

    def features(self, z):
        return F.normalize(self.head(z).float(), dim=1)


def sample(mean, diagonal, factor, samples, rank):
    b, c = mean.shape[:2]
    mean, diagonal = mean.reshape(b, 1, -1), diagonal.reshape(b, 1, -1)
    low = torch.einsum("bsr,brv->bsv", torch.randn(b, samples // 2, rank), factor.reshape(b, rank, -1))
    deviation = low + diagonal.sqrt() * torch.randn(b, samples // 2, diagonal.shape[2])
    return torch.cat([mean + deviation, mean - deviation], 1).reshape(b, samples, c, -1)


def likelihood(logits, labels):
    b, s, c, v = logits.shape
    target = labels.reshape(b, 1, v).expand(b, s, v)
    per_voxel = F.cross_entropy(logits.reshape(b * s, c, v), target.reshape(b * s, v), reduction="none").reshape(b, s, v)
    return -(torch.logsumexp(-per_voxel.sum(2), 1) - math.log(s)).mean() / v


def dice_loss(mean, labels):
    p, y = mean.softmax(1)[:, 1], (labels == 1).float()
    return 1 - (2 * (p * y).sum() + 1e-5) / ((p * p).sum() + (y * y).sum() + 1e-5)


def distance(a, b):
    """[S,C,V], [T,C,V] probabilities -> 1 - mean over classes of Dice, [S,T]"""
    overlap = torch.einsum("scv,tcv->stc", a, b)
    size = (a * a).sum(2)[:, None] + (b * b).sum(2)[None]
    return 1 - ((2 * overlap + 1e-5) / (size + 1e-5)).mean(2)


def energy(student, teacher):
    a, b = student.softmax(1), teacher.softmax(1)
    return 2 * distance(a, b).mean() - distance(a, a).mean() - distance(b, b).mean()


def boundary(labels):
    """Voxels of another class than one of the 2x2x2 box that ends in them."""
    padded = F.pad(labels[None, None].float(), (1, 0, 1, 0, 1, 0), mode="replicate")
    return ((F.max_pool3d(padded, 2, 1) != labels) | (-F.max_pool3d(-padded, 2, 1) != labels))[0, 0]


def contrast(features, labels, anchors, temperature=0.07):
    losses = []
    for f, y in zip(features, labels):
        near = boundary(y).flatten().nonzero()[:, 0]
        near = near[torch.randperm(len(near))[:anchors]]
        rows, classes = f.flatten(1)[:, near].t(), y.flatten()[near]
        logits = rows @ rows.t() / temperature
        logits = logits - logits.max(1, keepdim=True).values.detach()
        other = 1 - torch.eye(len(near))
        log_p = logits - (logits.exp() * other).sum(1, keepdim=True).log()
        positive = (classes[:, None] == classes[None]).float() * other
        losses.append(-((positive * log_p).sum(1) / positive.sum(1)).mean())
    return sum(losses) / len(losses)


def made_up_labels(count, shape):
    grid = torch.stack(torch.meshgrid(*[torch.linspace(-1, 1, n) for n in shape], indexing="ij"))
    return torch.stack([((grid + 0.1 * i) ** 2).sum(0).sqrt().lt(0.75 + 0.1 * torch.sin(9 * grid[0])).long() for i in range(count)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patch", default="80,112,112")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--anchors", type=int, default=9000)
    parser.add_argument("--samples", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    shape = [int(n) for n in args.patch.split(",")]
    if args.device != "cpu":
        torch.set_default_device(args.device)  # PyTorch 1 has none
    student = VNet(2)
    teacher = copy.deepcopy(student)
    optimizer = torch.optim.SGD(student.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4)
    labels = made_up_labels(2, shape)
    images = torch.randn(4, 1, *shape)

    def step():
        with torch.autocast(args.device.split(":")[0], torch.bfloat16, enabled=args.precision == "bf16"):
            z, mean, diagonal, factor = student(images)
            with torch.no_grad():
                noisy = images[2:] + (0.1 * torch.randn_like(images[2:])).clamp(-0.2, 0.2)
                _, *theirs = teacher(noisy)
            features = student.features(z[:2])
        logits = sample(mean, diagonal, factor, args.samples, student.rank)
        with torch.no_grad():
            teacher_logits = sample(*theirs, args.samples, student.rank)
        loss = 0.5 * likelihood(logits[:2], labels) + 0.5 * dice_loss(mean[:2], labels)
        loss = loss + 0.15 * sum(energy(logits[2 + i], teacher_logits[i]) for i in range(2)) / 2
        loss = loss + 0.09 * contrast(features, labels, args.anchors)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for ours, average in zip(student.parameters(), teacher.parameters()):
                average.mul_(0.99).add_(ours, alpha=0.01)
        next(student.parameters()).mean().item()  # the device is through

    times = []
    for _ in range(args.repeats + 1):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    print(json.dumps({
        "seconds": statistics.median(times[1:]),
        "peakRssGb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
        "patch": shape,
        "precision": args.precision,
        "device": args.device,
        "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
