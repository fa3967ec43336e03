"""The settings of the train stage."""

import dataclasses
import re

from pipeline import errors
from pipeline.config import combinations
from pipeline.config.settings import Checked, seed_setting, setting

NETWORKS = ('digits', 'residual', 'mlp', 'dcgan', 'dcgan64', 'dcgan_deconv4', 'dcgan_bn')
USING_LABELS = ('digits', 'residual')  # by themselves
LOSSES = (
  'non_saturating',
  'minimax',
  'least_squares',
  'hinge',
  'wasserstein',
  'relativistic',
  'relativistic_average',
)
PRECISIONS = ('auto', 'float32', 'mixed_bfloat16', 'mixed_float16')


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig(Checked):
  """Everything that decides a training run."""

  # The networks.
  network: str = setting(
    'digits', 'Generator and discriminator pair, by name in pipeline/networks.', choices=NETWORKS
  )
  latent_size: int = setting(64, 'Length of the latent vector.', min=1, max=4096)
  conditioning: str = setting(
    'auto',
    'How labels are used. auto: as the network does by itself (digits and residual: per_class,'
    ' others: none). Every way but none joins the label to the latent; the discriminator has a'
    ' logit per_class, sees an embedding, a projection, or has an auxiliary classifier.',
    choices=('auto', 'none', 'per_class', 'embedding', 'projection', 'auxiliary'),
  )
  dropout: float = setting(
    -1.0, "Dropout rate in the discriminator; -1 is the network's own.", min=-1, max=0.9
  )
  spectral_norm: bool = setting(False, 'Spectral normalisation of the discriminator.')
  minibatch: str = setting(
    'none',
    'How the discriminator compares the images of a batch, against mode collapse.',
    choices=('none', 'stddev', 'discrimination'),
  )
  upsampling: str = setting(
    'depth_to_space',
    'Upsampling of --network=residual. depth_to_space is the faster on a phone.',
    choices=('depth_to_space', 'antialiased'),
  )
  generator_width: float = setting(
    1.0,
    "Channels of the generator's hidden layers, as a multiple of the network's own, for"
    ' --network=digits and residual. Fewer are faster on a phone.',
    min=0.125,
    max=8,
  )

  # What they minimise.
  loss: str = setting(
    'hinge',
    'Adversarial loss. relativistic: pairing loss, arXiv:2501.05441.',
    choices=LOSSES,
  )
  label_smoothing: float = setting(
    0.0, 'One-sided: real images get the target 1 minus this. 0 is off.', min=0, max=0.5
  )
  r1_gamma: float = setting(0.1, 'Weight of the R1 penalty on real images; 0 is off.', min=0)
  r2_gamma: float = setting(0.0, 'Weight of the R2 penalty on generated images; 0 is off.', min=0)
  wgan_gp_weight: float = setting(
    0.0, 'Weight of the WGAN-GP penalty between real and generated images; 0 is off.', min=0
  )
  dragan_weight: float = setting(
    0.0, 'Weight of the DRAGAN penalty around real images; 0 is off.', min=0
  )
  penalty_every_steps: int = setting(
    16, 'Steps between lazy gradient penalties; their weight is multiplied by it.', min=1
  )
  mismatch_weight: float = setting(
    0.0,
    'Weight of the discriminator loss on real images under a wrong label, which counts them as'
    ' generated; a conditional generator reads better with it. 0 is off.',
    min=0,
  )
  auxiliary_weight: float = setting(
    1.0,
    'Weight of the classification loss of --conditioning=auxiliary: the discriminator learns the'
    ' classes of real images, the generator to make images read as theirs.',
    min=0,
  )
  consistency_weight: float = setting(
    0.0, 'Weight of the logit staying the same when a real image is shifted; 0 is off.', min=0
  )
  diversity_weight: float = setting(
    0.0, 'Weight of mode seeking: images of different latents must differ. 0 is off.', min=0
  )

  # What the discriminator sees.
  instance_noise: float = setting(
    0.0,
    'Initial standard deviation of noise on all images that the discriminator sees, in units of the'
    ' range [-1, 1]. 0 is off.',
    min=0,
  )
  instance_noise_steps: int = setting(
    0, 'Steps in which the instance noise falls to zero; 0 is the whole run.', min=0
  )
  augment: str = setting(
    'none',
    'Differentiable augmentation for small data sets. diffaugment: always. ada: with a probability'
    ' that follows the overfitting of the discriminator.',
    choices=('none', 'diffaugment', 'ada'),
  )
  augment_operations: str = setting(
    'color,translation,cutout',
    'Augmentations in their order, separated by commas; color does nothing to grey images.',
  )
  ada_target: float = setting(
    0.6, "Mean sign of real images' logits that --augment=ada aims at.", min=-1, max=0.99
  )
  ada_ramp_images: float = setting(
    500_000.0, 'Images in which the probability of --augment=ada could go from 0 to 1.', min=1
  )

  # How they learn.
  batch_size: int = setting(64, 'Real images per batch, over all replicas.', min=1)
  train_steps: int = setting(5000, 'Steps in the whole run; each updates both networks.', min=1)
  discriminator_updates: int = setting(1, 'Updates of the discriminator a step.', min=1, max=100)
  generator_updates: int = setting(1, 'Updates of the generator a step.', min=1, max=100)
  discriminator_warmup_steps: int = setting(
    0, 'First steps, in which the discriminator learns alone.', min=0
  )
  accumulate_batches: int = setting(
    1, 'Batches whose gradients are averaged for one update.', min=1, max=1024
  )
  optimizer: str = setting('adam', 'Optimiser of both networks.', choices=('adam', 'rmsprop'))
  generator_learning_rate: float = setting(5e-4, 'Initial rate of the generator.', min=0)
  discriminator_learning_rate: float = setting(5e-4, 'Initial rate of the discriminator.', min=0)
  learning_rate_decay: str = setting(
    'cosine',
    'Course of both rates over train_steps. cosine falls to zero; exponential falls to one tenth.',
    choices=('none', 'cosine', 'exponential'),
  )
  adam_beta1: float = setting(0.0, "Adam's first-moment decay.", min=0, max=0.9999)
  adam_beta2: float = setting(0.99, "Adam's second-moment decay.", min=0, max=0.999999)
  rmsprop_decay: float = setting(0.9, "RMSProp's decay.", min=0, max=0.999999)
  clip_value: float = setting(
    0.0, 'Bound on the absolute value of each gradient element; 0 is off.', min=0
  )
  clip_norm: float = setting(
    0.0, 'Bound on the norm of all gradients of a network together; 0 is off.', min=0
  )
  clip_networks: str = setting(
    'generator,discriminator',
    'Networks whose gradients are clipped.',
    choices=('generator,discriminator', 'generator', 'discriminator'),
  )
  clip_weights: float = setting(
    0.0, "Bound on the discriminator's weights after each update; 0 is off.", min=0
  )
  ema_halflife_images: float = setting(
    22_000.0,
    'Images in which the weight of an old generator halves in the average; 0 is off.',
    min=0,
  )
  max_rollbacks: int = setting(
    3,
    'Times that training goes back to an earlier checkpoint, with half the learning rates, when a'
    ' loss or a gradient is not finite, or as --on_collapse=rollback asks; then it fails.',
    min=0,
  )
  on_collapse: str = setting(
    'warn',
    'When the averaged generator, seen at each candidate, has collapsed. stop: saves and fails.'
    ' rollback: goes back to the last candidate that had not.',
    choices=('warn', 'stop', 'rollback'),
  )
  min_spread_ratio: float = setting(
    0.25,
    'Least spread of generated images, within a class if it is asked for, as a multiple of that of'
    ' real ones; below it the generator has collapsed. 0 is off.',
    min=0,
    max=1,
  )
  min_class_entropy_ratio: float = setting(
    0.25,
    'Least entropy of the classes read in generated images, as a multiple of that in real ones;'
    ' below it the generator has collapsed. 0 is off.',
    min=0,
    max=1,
  )
  collapse_grace_steps: int = setting(
    1000,
    "The generator's first steps, in which images may look alike that have not yet been varied.",
    min=0,
  )

  # On what, and with what to show for it.
  precision: str = setting(
    'auto',
    'Compute type. auto measures bfloat16 against float32 on this CPU; on a GPU it goes by compute'
    ' capability.',
    choices=PRECISIONS,
  )
  xla: str = setting(
    'auto',
    'Compile the gradient step with XLA. auto measures both on this device and says which it took.',
    choices=('auto', 'on', 'off'),
  )
  num_devices: int = setting(
    0, 'Devices to train on, of each worker; 0 is all that are found.', min=0
  )
  cluster_wait_s: float = setting(
    600.0,
    'Seconds that a worker named in TF_CONFIG waits for the others to come to training.',
    min=1,
    decides=False,
  )
  steps_per_loop: int = setting(50, 'Steps in one call of the compiled training loop.', min=1)
  log_every_steps: int = setting(100, 'Steps between records in metrics.jsonl.', min=1)
  snapshot_every_steps: int = setting(
    500, 'Steps between candidate generators, each with a picture grid.', min=1
  )
  sample_every_steps: int = setting(
    0, 'Steps between further picture grids; 0 is none but those of the candidates.', min=0
  )
  sample_grid: str = setting('', 'Rows and columns of the grids, as 5x5; empty is a row a class.')
  sample_beside_real: bool = setting(False, 'Put real images beside the generated ones.')
  profile_steps: str = setting(
    '',
    'First and last step of a profile for TensorBoard, as 100:120; empty is none.',
    decides=False,
  )
  debug_numerics: bool = setting(
    False,
    'Check every operation, and name the first whose result is not finite; several times slower.',
    decides=False,
  )
  checkpoint_every_s: float = setting(
    30.0, 'Seconds between checkpoints to resume from.', min=0, decides=False
  )
  deterministic: bool = setting(
    False,
    'Bit-equal runs on one machine, interrupted or not, at some cost in speed. Where --precision'
    ' and --xla are auto, of those that came to the same choices.',
  )
  seed: int = seed_setting()

  def __post_init__(self) -> None:
    super().__post_init__()
    if self.sample_grid and not re.fullmatch(r'[1-9]\d?x[1-9]\d?', self.sample_grid):
      raise errors.ConfigError(
        f'--sample_grid={self.sample_grid} (TrainConfig) is no grid. Write it as 5x5, up to 99x99.'
      )
    if self.profile_steps and not _is_range(self.profile_steps):
      raise errors.ConfigError(
        f'--profile_steps={self.profile_steps} (TrainConfig) is no range of steps.'
        ' Write it as 100:120.'
      )
    combinations.check_train(self)

  @property
  def penalises_gradients(self) -> bool:
    """Whether the discriminator's gradient at images is penalised."""
    return any((self.r1_gamma, self.r2_gamma, self.wgan_gp_weight, self.dragan_weight))

  @property
  def may_use_labels(self) -> bool:
    """Whether the networks take the labels of labelled data."""
    if self.conditioning == 'auto':
      return self.network in USING_LABELS
    return self.conditioning != 'none'

  @property
  def batches_per_step(self) -> int:
    """Batches of real images that a step takes, each with draws of its own."""
    updates = self.discriminator_updates + self.generator_updates - 1
    return updates * self.accumulate_batches

  @property
  def images_per_step(self) -> int:
    """Real images that a step takes."""
    return self.batch_size * self.batches_per_step


def _is_range(text: str) -> bool:
  """Whether it is first:last, in this order."""
  found = re.fullmatch(r'(\d{1,9}):(\d{1,9})', text)
  return found is not None and int(found[1]) < int(found[2])
