// Calls services with node-soap, as an information system of another maker
// would. Reads one job as JSON from standard input and prints what it got.
// What a job and a result hold is told by the types job and result of the test.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import soap from 'soap';

const job = JSON.parse(readFileSync(0, 'utf8'));

// The X-Road schemas come from the folder at hand: nothing leaves this machine.
class LocalSchemas extends soap.HttpClient {
  request(url, data, callback, headers, options) {
    if (url.startsWith('http://x-road.eu/')) {
      callback(null, { status: 200, headers: {} }, readFileSync(join(job.catalogue, basename(url)), 'utf8'));
      return;
    }
    if (!/^http:\/\/127\.0\.0\.1:/.test(url)) throw new Error('not on this machine: ' + url);
    return super.request(url, data, callback, headers, options);
  }
}

function identifier(type, parts) {
  const names = ['xRoadInstance', 'memberClass', 'memberCode', 'subsystemCode', 'serviceCode', 'serviceVersion'];
  const fields = { attributes: { 'id:objectType': type } };
  names.forEach((name, i) => { if (parts[i]) fields['id:' + name] = parts[i]; });
  return fields;
}

const client = await soap.createClientAsync(job.wsdl, { httpClient: new LocalSchemas({ parseReponseAttachments: job.attachments }), endpoint: job.endpoint });
Object.assign(client.wsdl.definitions.xmlns, { xrd: 'http://x-road.eu/xsd/xroad.xsd', id: 'http://x-road.eu/xsd/identifiers' });
client.wsdl.xmlnsInEnvelope = client.wsdl._xmlnsMap();

async function make(call) {
  client.clearSoapHeaders();
  client.addSoapHeader({
    'xrd:client': identifier('SUBSYSTEM', job.client),
    'xrd:service': identifier('SERVICE', [...job.provider, call.operation, call.version]),
    'xrd:id': call.id,
    'xrd:userId': call.user_id,
    'xrd:issue': call.issue,
    'xrd:protocolVersion': '4.0',
  });
  const files = (call.attachments ?? []).map((a) => ({
    name: a.content_id, contentId: a.content_id, mimetype: a.content_type, body: Buffer.from(a.content, 'base64'),
  }));
  // With attachments node-soap speaks MTOM.
  const options = files.length ? { attachments: files, forceMTOM: true } : {};
  const [body, , header] = await client[call.operation + 'Async'](call.body, options);
  const attachments = client.lastResponseAttachments?.parts.map((part) => ({
    content_id: part.headers['content-id'].replace(/^<|>$/g, ''), content_type: part.headers['content-type'],
    content: Buffer.from(part.body).toString('base64'),
  }));
  return { header, body, attachments: attachments || [] };
}

if (job.repeat) { // a benchmark: the first call, so many times, after half as many to warm up
  let began;
  let spent;
  for (let i = -Math.ceil(job.repeat / 2); i < job.repeat; i++) {
    if (i === 0) [began, spent] = [process.hrtime.bigint(), process.cpuUsage()];
    const { body } = await make(job.calls[0]);
    if (body.response.kannete_jada.kanne[0].ta_kood !== '12345678') throw new Error('another answer');
  }
  const { user, system } = process.cpuUsage(spent);
  const { version } = JSON.parse(readFileSync('node_modules/soap/package.json', 'utf8'));
  console.log(JSON.stringify({
    cpu_us: (user + system) / job.repeat, wall_us: Number(process.hrtime.bigint() - began) / 1000 / job.repeat,
    version: `node-soap ${version} (Node.js ${process.versions.node})`,
  }));
  process.exit(0);
}

const results = [];
for (const call of job.calls) {
  try {
    results.push(await make(call));
  } catch (e) {
    const fault = e.root?.Envelope?.Body?.Fault;
    if (!fault) throw e;
    results.push({ fault: { code: fault.faultcode?.$value ?? fault.faultcode, string: fault.faultstring?.$value ?? fault.faultstring } });
  }
}
console.log(JSON.stringify({ operations: Object.keys(Object.values(Object.values(client.describe())[0])[0]), results }));
