"""A check of schemathesis's: a refusal tells a code that the operation declares for its status. It is an example of the
response, by the code's name."""

import schemathesis


@schemathesis.check
def code_is_declared(context, response, case):
    if not response.headers.get("content-type", [""])[0].startswith("application/problem+json"):
        return
    declared = case.operation.definition.raw["responses"].get(str(response.status_code))
    if declared is None:
        return  # another check's to say
    examples = declared["content"]["application/problem+json"]["examples"]
    code = response.json()["code"]
    assert code in examples, f"{code} is none of {sorted(examples)}"
