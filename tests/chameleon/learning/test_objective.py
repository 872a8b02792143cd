import torch

from guise.chameleon.learning.objective import colour


def test_colour_is_what_is_left_without_the_mean_of_the_channels():
    grey = torch.rand(2, 1, 8, 8, generator=torch.manual_seed(0)).expand(-1, 3, -1, -1)
    assert colour(grey) < 1e-9
    red = torch.zeros(1, 3, 4, 4)
    red[:, 0] = 9 / 255
    # 9 levels of red alone are 6, -3 and -3 around their mean: mean square 18, in units of 3 levels 2.
    torch.testing.assert_close(colour(red), torch.tensor(2.0))
