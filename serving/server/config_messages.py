"""Messages of configuration files that the package tensorflow-serving-api leaves out.

Source: the .proto files in tensorflow_serving/config and session_bundle_config.proto. The text form
knows fields by their names alone, so their numbers are free.
"""

from serving.server.message_class import message_class

SSLConfig = message_class(
  'SSLConfig', server_key='string', server_cert='string', custom_ca='string', client_verify='bool'
)
PrometheusConfig = message_class('PrometheusConfig', enable='bool', path='string')
MonitoringConfig = message_class('MonitoringConfig', prometheus_config='PrometheusConfig')
BatchingParameters = message_class(
  'BatchingParameters',
  max_batch_size='Int64Value',
  batch_timeout_micros='Int64Value',
  max_enqueued_batches='Int64Value',
  num_batch_threads='Int64Value',
  thread_pool_name='StringValue',
  allowed_batch_sizes='repeated int64',
  pad_variable_length_inputs='bool',
  enable_large_batch_splitting='BoolValue',
  max_execution_batch_size='Int64Value',
)
