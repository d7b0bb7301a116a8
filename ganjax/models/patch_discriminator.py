"""A discriminator that judges a pair of images patch by patch (PatchGAN, arXiv 1611.07004)."""

import flax.linen as nn
import jax.numpy as jnp

from ganjax.errors import UserError
from ganjax.models.layers import Conv, apply_module, he_normal, init_variables
from ganjax.models.model import Model
from ganjax.models.shapes import check_channels
from ganjax.typing import Array, Key, Variables


def patch_discriminator(*, channels: int = 1, width: int = 32, layers: int = 3) -> Model:
    """Build a conditional patch discriminator: images and what they come from in, logits out.

    Isola et al. 2017, arXiv 1611.07004, section 3.2.2: each logit sees a patch alone, so that the
    discriminator judges texture and leaves the whole to the pixel loss. The kernels' largest
    singular values are 1 (arXiv 1802.05957); without batch normalisation, so that images of a batch
    do not influence each other.

    Args:
      channels: of the images, 1 or 3.
      width: channels of the first layer; doubled at each further one.
      layers: convolutions before the last; all but the last of them halve the image. With 3,
        patches are 26 pixels a side.

    Returns:
      A `Model` from pairs `[batch, height, width, 2 * channels]`, a degraded image and an original
      or restored one joined along their channels, of any height and width of at least
      2^(layers - 1), to logits `[batch, rows, columns]`, one for each patch.

    Raises:
      UserError: a number out of range.
    """
    check_channels(channels)
    if layers < 1 or width < 1:
        raise UserError(
            "a patch discriminator has at least 1 layer and a width of at least 1; not layers "
            f"{layers}, width {width}"
        )
    module = _Patches(width, layers)

    def init(key: Key) -> Variables:
        side = 8 * 2 ** (layers - 1)
        return init_variables(module, key, jnp.zeros((2, side, side, 2 * channels)))

    def apply(
        variables: Variables,
        pairs: Array,
        labels: None = None,
        *,
        train: bool = False,
        axis_name: str | None = None,
    ) -> tuple[Array, Variables]:
        del labels  # the degraded image is what it is told
        return apply_module(module, variables, pairs, train=train, axis_name=axis_name)

    return Model(init, apply)


class _Patches(nn.Module):
    width: int
    layers: int

    @nn.compact
    def __call__(self, pairs: Array, *, train: bool, axis_name: str | None = None) -> Array:
        del train, axis_name  # nothing here depends on the batch
        hidden = pairs
        for layer in range(self.layers):
            kernel_size, stride = (4, 2) if layer < self.layers - 1 else (3, 1)
            hidden = Conv(
                self.width * 2**layer,
                kernel_size,
                stride=stride,
                kernel_init=he_normal,
                spectral=True,
            )(hidden)
            hidden = nn.leaky_relu(hidden, 0.2)
        return Conv(1, kernel_init=he_normal, spectral=True)(hidden)[..., 0]
