"""RabbitMQ: topology, codec, consumer and publisher."""
