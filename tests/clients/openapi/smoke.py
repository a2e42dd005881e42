"""What a user of the generated Python client does first, with the gateway at the URL that is given, on a topic of the
name that is given: make it, put a record in, take it out, look at it, and be refused."""

import sys
from io import BytesIO

from sluicegate_client import Client
from sluicegate_client.api.records import produce, read_page, read_record
from sluicegate_client.api.topics import create_topic, describe_topic
from sluicegate_client.models import Page, Problem, Receipt, TopicDescription, TopicSpec
from sluicegate_client.models.creation_result import CreationResult
from sluicegate_client.models.problem_code import ProblemCode
from sluicegate_client.types import File

url, topic = sys.argv[1:]
client = Client(base_url=url, raise_on_unexpected_status=True)

made = create_topic.sync(topic, client=client, body=TopicSpec(partitions=2))
assert made.result is CreationResult.CREATED, made

value = b'{"total":12.5}'
receipt = produce.sync(
    topic, client=client, body=File(payload=BytesIO(value)), key="c-17", header=["trace:ab12", "trace:cd34"]
)
assert isinstance(receipt, Receipt), receipt

page = read_page.sync(topic, client=client, from_="earliest", max_=10)
assert isinstance(page, Page), page
(record,) = page.records
assert (record.partition, record.offset) == (receipt.partition, receipt.offset)
assert (record.key, record.value) == ("c-17", {"total": 12.5})
assert record.headers[:2] == [["trace", "ab12"], ["trace", "cd34"]]
nothing = read_page.sync_detailed(topic, client=client, from_=page.next_)
assert nothing.status_code == 204 and nothing.headers["Kafka-Stream-Next"]

chosen = read_page.sync(topic, client=client, from_="earliest", key=["c-16", "c-17"], where=["/total>12", "/total<13"])
assert isinstance(chosen, Page) and len(chosen.records) == 1, chosen
others = read_page.sync_detailed(topic, client=client, from_="earliest", key_prefix=["d"])
assert others.status_code == 204 and others.headers["Kafka-Stream-Next"] == page.next_

kept = read_record.sync(topic, receipt.partition, receipt.offset, client=client)
assert kept.payload.read() == value

described = describe_topic.sync(topic, client=client)
assert isinstance(described, TopicDescription), described
assert sum(partition.latest for partition in described.partitions) == 1

refused = produce.sync(topic, client=client, body=File(payload=BytesIO(b"")), partition=99)
assert isinstance(refused, Problem), refused
assert refused.code is ProblemCode.PARTITION_OUT_OF_RANGE and refused.status == 400 and not refused.retryable
missing = describe_topic.sync(topic + "-none", client=client)
assert isinstance(missing, Problem) and missing.code is ProblemCode.TOPIC_NOT_FOUND, missing
print("ok")
