"""Records what PyTorch calls for many functions and modules, with its sizes and counts, as data for tests.

``python -m tests.benchmarks.aten_recordings`` writes tests/data/models/pytorch/aten_calls.json; it needs PyTorch.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from convcli.networks.models.pytorch.calls import Program, Reference, Stated
from convcli.networks.models.pytorch.tracing import record

__all__ = ["PATH", "cases", "encoded"]

PATH = Path(__file__).parents[1] / "data" / "models" / "pytorch" / "aten_calls.json"
IMAGE, SEQUENCE, VECTOR = (1, 4, 12, 10), (2, 6, 8), (3, 8)


def encoded(program: Program) -> dict[str, Any]:
    """Return a program as JSON can hold it."""

    def argument(value: Any) -> Any:
        if isinstance(value, Reference):
            return {"name": value.name}
        return [argument(part) for part in value] if isinstance(value, list) else value

    return {
        "inputs": [[each.name, *each.shape] for each in program.inputs],
        "weights": {key: [*weight[:2], weight.learned] for key, weight in program.weights.items()},
        "calls": [
            [call.target, {name: argument(value) for name, value in call.arguments.items()}, call.outputs]
            for call in program.calls
        ],
        "outputs": [reference.name for _, reference in program.outputs],
        "stated": {
            name: [*each] if isinstance(each, Stated) else each for name, each in program.stated.items()
        },
    }


def cases(torch: Any) -> Iterator[tuple[str, Any, list[Any]]]:
    """Yield the name of each case, a function or module, and the shapes of its inputs or inputs."""
    nn, functional = torch.nn, torch.nn.functional
    modules: list[tuple[Any, list[Any]]] = [
        (nn.Conv1d(4, 6, 3, padding=1), [(1, 4, 20)]),
        (nn.Conv2d(4, 6, (3, 5), stride=(2, 1), padding="valid", dilation=(1, 2)), [IMAGE]),
        (nn.Conv2d(4, 8, 4, padding="same", groups=2, bias=False), [IMAGE]),
        (nn.Conv2d(4, 8, 3), [IMAGE[1:]]),
        (nn.Conv3d(2, 4, 3, stride=2), [(1, 2, 9, 8, 7)]),
        (nn.ConvTranspose1d(4, 6, 3, stride=2), [(1, 4, 9)]),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), [IMAGE]),
        (nn.ConvTranspose3d(2, 3, 2, stride=2), [(1, 2, 3, 4, 5)]),
        *((layer, [IMAGE]) for layer in (
            nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2, return_indices=True), nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.AvgPool2d(2), nn.AdaptiveAvgPool2d((3, 2)), nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(2),
            nn.LPPool2d(2, 2), nn.FractionalMaxPool2d(2, output_size=(5, 4)), nn.ZeroPad2d((1, 2, 0, 1)),
            nn.ReflectionPad2d(2), nn.ReplicationPad2d((0, 1, 2, 0)), nn.CircularPad2d(1), nn.ZeroPad2d(-1),
            nn.ConstantPad2d(1, 0.5), nn.ZeroPad2d((1, -1, 0, 0)), nn.BatchNorm2d(4),
            nn.BatchNorm2d(4, affine=False), nn.BatchNorm2d(4, track_running_stats=False), nn.InstanceNorm2d(4),
            nn.InstanceNorm2d(4, affine=True), nn.GroupNorm(2, 4), nn.LayerNorm((12, 10)), nn.LayerNorm(10),
            nn.LayerNorm(10, elementwise_affine=False), nn.RMSNorm(10), nn.LocalResponseNorm(3), nn.PReLU(),
            nn.PReLU(4), nn.Upsample(scale_factor=2), nn.Upsample(scale_factor=1.5, mode="bilinear"),
            nn.Upsample((7, 9), mode="bicubic", align_corners=True), nn.PixelShuffle(2), nn.PixelUnshuffle(2),
            nn.ChannelShuffle(2), nn.Unfold(3, padding=1, stride=2), nn.Flatten(), nn.Unflatten(1, (2, -1)),
            nn.Softmax2d(), nn.Dropout(), nn.Dropout2d(), nn.Identity(), nn.GLU(1),
        )),
        *((layer, [VECTOR]) for layer in (
            nn.ReLU(), nn.ReLU6(), nn.Hardtanh(), nn.SiLU(inplace=True), nn.Sigmoid(), nn.Tanh(), nn.GELU(),
            nn.GELU("tanh"), nn.Hardswish(), nn.LeakyReLU(), nn.RReLU(), nn.ELU(), nn.SELU(), nn.CELU(), nn.Mish(),
            nn.Hardsigmoid(), nn.Softplus(), nn.Softmax(1), nn.LogSoftmax(1), nn.LogSigmoid(), nn.Softsign(),
            nn.Tanhshrink(), nn.Hardshrink(), nn.Softshrink(), nn.Threshold(0.1, 0), nn.Softmin(1),
            nn.Linear(8, 5), nn.Linear(8, 5, bias=False), nn.BatchNorm1d(8),
            nn.utils.parametrizations.weight_norm(nn.Linear(8, 5)), nn.LSTMCell(8, 5), nn.GRUCell(8, 5),
            nn.RNNCell(8, 5), nn.RNNCell(8, 5, nonlinearity="relu"),
        )),
        *((layer, [SEQUENCE]) for layer in (
            nn.LSTM(8, 5, 2, bidirectional=True, batch_first=True), nn.LSTM(8, 5, proj_size=3), nn.GRU(8, 5, 2),
            nn.RNN(8, 5, bias=False), nn.RNN(8, 5, nonlinearity="relu"), nn.Linear(8, 5), nn.MaxPool1d(2),
            nn.AvgPool1d(3, 1, 1), nn.AdaptiveAvgPool1d(4), nn.AdaptiveMaxPool1d(4), nn.ReflectionPad1d(2),
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.TransformerEncoderLayer(8, 2, 16),
            nn.Upsample(scale_factor=2, mode="linear"), nn.MaxPool1d(2, return_indices=True),
        )),
        (nn.MultiheadAttention(8, 2), [SEQUENCE, SEQUENCE, SEQUENCE]),
        (nn.CosineSimilarity(), [VECTOR, VECTOR]),
        (nn.MaxPool3d(2), [(1, 2, 8, 6, 4)]),
        (nn.AvgPool3d(2), [(1, 2, 8, 6, 4)]),
        (nn.AdaptiveAvgPool3d(2), [(1, 2, 8, 6, 4)]),
        (nn.Upsample(scale_factor=2, mode="trilinear"), [(1, 2, 3, 4, 5)]),
        (nn.ReplicationPad3d(1), [(1, 2, 3, 4, 5)]),
        (nn.Fold((6, 5), 2), [(1, 8, 20)]),
        (nn.Embedding(20, 6), [torch.zeros(2, 3, dtype=torch.long)]),
        (nn.EmbeddingBag(20, 6), [torch.zeros(2, 3, dtype=torch.long)]),
    ]  # fmt: skip
    for number, (module, inputs) in enumerate(modules):
        yield f"{number} {type(module).__name__}", module, inputs
    table = torch.zeros(7, 4)
    functions: list[tuple[Callable[..., Any], list[Any]]] = [
        (lambda x: x.view(2, -1).reshape(4, 12).squeeze().unsqueeze(-1), [(8, 3, 2)]),
        (lambda x: [x[None, :, 0, ::2], x[1:, ..., -1:].expand(-1, -1, 3)[:, 0]], [(4, 12, 10)]),
        (lambda x: [x.permute(0, 2, 3, 1), x.transpose(1, -1), x.movedim(1, -1), x.mT, x[0, 0].t()], [IMAGE]),
        (lambda x: [x.repeat(2, 1, 1), x[:1].repeat(3, 1, 1), x.repeat_interleave(2, 1)], [SEQUENCE]),
        (lambda x: [*x.chunk(3, 1), *x.split(4, 2), *x.split([1, 5], 1), *x.unbind(0)], [SEQUENCE]),
        (lambda x: [*x.tensor_split(4, 1), *x.tensor_split([2, 3], 1), x.narrow(2, -3, 2)], [SEQUENCE]),
        (lambda x: [torch.cat([x, x], 1), torch.stack([x, x], -1), torch.cat([x, x[:, :0]], 1)], [SEQUENCE]),
        (lambda x: [x.roll(1, 1), x.flip(0), torch.rot90(x), x.cumsum(1), x.tril(), x.clone()], [VECTOR]),
        (lambda x: [x.sort()[0], x.argsort(), *x.topk(2), x.argmax(1), x.max(), *x.max(1)], [VECTOR]),
        (lambda x: [x.mean((1, 2), keepdim=True), x.mean(), x.sum(-1), x.amax(1), x.std(0), x.var()], [SEQUENCE]),
        (lambda x: [x.norm(), x.norm(dim=1), x.logsumexp(1), x.prod(1), x.any(), x.all(1), x.amin()], [SEQUENCE]),
        (lambda x: [*torch.var_mean(x, 1), *torch.std_mean(x, (0, 1), keepdim=True), *x.aminmax(dim=1)], [VECTOR]),
        (lambda x: [x.min(x * 2), torch.maximum(x, x), x.median(), *x.median(1), *x.cummax(0)], [VECTOR]),
        (lambda x: [2 - x, 1 / x, x**2, 2**x, x - 1, x / 3, x.add(x, alpha=2), torch.rsub(x, x), x % 2, x // 2], [VECTOR]),
        (lambda x: [x.exp(), x.rsqrt(), x.abs(), x.clamp(0, 6), x.clamp(min=0), x.clamp(-1), -x, x.erf()], [VECTOR]),
        (lambda x: [x.clamp_min(0), x.nan_to_num(), x.sign(), x.square(), x.logit(), x.float(), ~(x > 0)], [VECTOR]),
        (lambda x: [x > 0, x == x[:1], torch.where(x > 0, x, 0.0), x.masked_fill(x > 0, 0)], [VECTOR]),
        (lambda x: [torch.addcmul(x, x, x), torch.lerp(x, x, 0.5), x.logical_and(x), x.to(torch.half)], [VECTOR]),
        (lambda x: [x.add_(1).mul_(2), x.fill_(0), x[0].copy_(x[1]), x.zero_()], [VECTOR]),
        (lambda x: [x @ x.mT, torch.bmm(x, x.mT), torch.baddbmm(x @ x.mT, x, x.mT)], [SEQUENCE]),
        (lambda x: [x @ x[0], x[0] @ x[0], torch.mv(x, x[0]), torch.dot(x[0], x[1]), torch.outer(x[0], x[1])],
         [(8, 8)]),
        (lambda x: [torch.addmm(x, x, x), torch.addmv(x[0], x, x[0]), x[None] @ x], [(8, 8)]),
        (lambda x: [torch.addbmm(x[0], x, x), torch.einsum("bij,bjk->bik", x, x)], [(3, 5, 5)]),
        (lambda x: torch.einsum("...ij,...kj->...ik", x, x), [SEQUENCE]),
        (lambda x: [torch.einsum("bij->bji", x), torch.einsum("ij,jk,kl", x[0], x[0], x[1])], [(3, 5, 5)]),
        (lambda x: torch.cdist(x, x), [SEQUENCE]),
        (lambda x: functional.scaled_dot_product_attention(x, x[..., :3, :], x[..., :3, :4]), [(2, 3, 6, 8)]),
        (lambda q, k: functional.scaled_dot_product_attention(q, k, k, enable_gqa=True),
         [(1, 4, 6, 8), (1, 2, 6, 8)]),
        (lambda x: [x[torch.arange(2)], x[:, [0, 1, 1]], x[[0, 1], :, [1, 2]], table.to(x)[[0, 3]] + 1], [SEQUENCE]),
        (lambda x: [x.index_select(1, torch.arange(2)), x.gather(1, torch.zeros(2, 1, 8).long())], [SEQUENCE]),
        (lambda x: [x.scatter(0, torch.zeros(3, 8).long(), x), functional.one_hot(x.long(), 5)], [VECTOR]),
        (lambda x: [x.diagonal(), x[0].diag(), x.diag_embed(), x.unfold(1, 3, 2)], [VECTOR]),
        (lambda x: [functional.grid_sample(x, torch.zeros(1, 5, 6, 2)), functional.interpolate(x, (3, 4))],
         [IMAGE]),
        (lambda x: functional.affine_grid(x, [2, 3, 4, 5]), [(2, 2, 3)]),
        (lambda x: functional.max_unpool2d(x, torch.zeros(IMAGE).long(), 2), [IMAGE]),
        (lambda x: [torch.zeros_like(x) + x, x.new_zeros(3, 8) + x, x.new_full((8,), 2) + x, torch.ones(8) + x],
         [VECTOR]),
        (lambda x: [x + torch.arange(8), x + torch.linspace(0, 1, 8), x + torch.eye(3, 8), x + torch.arange(0, 4, 0.5)],
         [VECTOR]),
        (lambda x: [each + x for each in torch.meshgrid(torch.arange(3), torch.arange(8), indexing="ij")], [VECTOR]),
        (lambda x: torch.meshgrid(x[0], x[1, :3], indexing="xy"), [VECTOR]),
        (lambda x: [torch.fft.rfft2(x), torch.fft.irfft2(torch.fft.rfft2(x)), torch.fft.fft(x)], [IMAGE]),
        (lambda x: [torch.view_as_real(torch.view_as_complex(x)), x.as_strided((3, 2), (1, 1))], [(3, 8, 2)]),
        (lambda x: [x.contiguous(), x.detach(), x.type_as(x), x.expand_as(x), x.flatten(1, 1), x.flatten()], [VECTOR]),
        (lambda x: functional.pad(x, (0, 0, 1, 2)), [(1, 5, 6, 7)]),
        (lambda x: [functional.pad(x, (0, 0, 0, 1, 1, 0)), functional.pad(x, (0, 0))], [(1, 5, 6, 7)]),
        (lambda x: torch.cartesian_prod(x[0], x[1]), [VECTOR]),
        (lambda x: functional.conv2d(x, x[:, :1].expand(2, 4, -1, -1)[:, :, :3, :3]), [IMAGE]),
        (lambda x: functional.linear(x, x[:2], x[0, :2]), [VECTOR]),
        (lambda x: functional.linear(x, x[0]), [VECTOR]),
        (lambda x: [torch.polar(x, x), x.logcumsumexp(1), torch.bucketize(x, torch.arange(3.0))], [VECTOR]),
        (lambda x: [torch.hstack([x, x]), torch.vstack([x[0], x]), torch.dstack([x, x]), x.view_as(x), x.ravel()],
         [VECTOR]),
        (lambda x: [torch.column_stack([x[:, 0], x]), torch.hstack([x[0], x[1]]), *torch.broadcast_tensors(x, x[0])],
         [VECTOR]),
        (lambda x: [torch.tensordot(x, x, ([1], [1])), x.adjoint(), x.reshape_as(x.T), x.fliplr(), x.arctan()],
         [VECTOR]),
        (lambda x: [torch.stft(x, 16, 4, return_complex=True, window=torch.ones(16)), torch.searchsorted(x[0], x)],
         [(2, 64)]),
        (lambda x: functional.bilinear(x, x[:, :4], torch.ones(5, 8, 4), torch.ones(5)), [VECTOR]),
    ]  # fmt: skip
    for number, (function, inputs) in enumerate(functions):
        module = torch.nn.Module()
        module.forward = function
        yield f"function {number}", module, inputs


def macs(torch: Any, module: Any, inputs: list[Any]) -> int:
    """Return the multiply-accumulates that PyTorch counts."""
    counter = import_module("torch.utils.flop_counter").FlopCounterMode(display=False)
    # Without values there are no fused functions, which it does not count.
    given = [torch.zeros(each) if isinstance(each, tuple) else each for each in inputs]
    with counter, torch.device("meta"):
        module.to("meta")(*(each.to("meta") for each in given))
    return int(counter.get_total_flops()) // 2


def main() -> None:
    """Write the data."""
    torch: Any = import_module("torch")
    found = {}
    for name, module, inputs in cases(torch):
        # With gradients, calls are divided into those of ATen's core.
        for suffix, inference in (("", torch.inference_mode), (" in core ATen", nullcontext)):
            torch.inference_mode, kept = inference, torch.inference_mode
            try:
                program = record(module.eval(), *inputs)
            finally:
                torch.inference_mode = kept
            module.requires_grad_(False)
            found[name + suffix] = {**encoded(program), "macs": macs(torch, module, inputs)}
    lines = [f"{json.dumps(name)}: {json.dumps(each, separators=(',', ':'))}" for name, each in found.items()]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
    sys.stdout.write(f"{len(found)} recordings with torch {torch.__version__}\n")


if __name__ == "__main__":
    main()
