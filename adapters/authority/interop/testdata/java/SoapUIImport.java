import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.wsdl.BindingOperation;
import javax.wsdl.Definition;
import javax.wsdl.Input;
import javax.wsdl.Output;
import javax.wsdl.Part;
import javax.wsdl.Port;
import javax.wsdl.Service;
import javax.wsdl.extensions.ExtensibilityElement;
import javax.wsdl.extensions.soap.SOAPOperation;
import javax.wsdl.factory.WSDLFactory;
import javax.wsdl.xml.WSDLReader;
import javax.xml.namespace.QName;
import org.apache.xmlbeans.SchemaGlobalElement;
import org.apache.xmlbeans.SchemaType;
import org.apache.xmlbeans.SchemaTypeSystem;
import org.apache.xmlbeans.XmlBeans;
import org.apache.xmlbeans.XmlCursor;
import org.apache.xmlbeans.XmlError;
import org.apache.xmlbeans.XmlObject;
import org.apache.xmlbeans.XmlOptions;
import org.apache.xmlbeans.impl.xsd2inst.SampleXmlUtil;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/**
 * Imports a description and calls its operations in the steps of SoapUI and with what it is made of, wsdl4j and
 * XmlBeans: the description is read, its schemas are compiled with the same options, of each operation a request is
 * made from its type, sent, and the answer is validated. SoapUI itself is in no package repository.
 *
 * <p>Arguments: the description, the endpoint, the folder of the X-Road schemas, and the client's and the provider's
 * identifiers with slashes. Prints a list of what it found and got.
 */
public class SoapUIImport {
    static final String XSD = "http://www.w3.org/2001/XMLSchema";
    static final String SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
    static final String CATALOGUE = "http://x-road.eu/xsd/";

    @SuppressWarnings("unchecked")
    public static void main(String[] args) throws Exception {
        WSDLReader reader = WSDLFactory.newInstance("com.ibm.wsdl.factory.WSDLFactoryImpl").newWSDLReader();
        reader.setFeature("javax.wsdl.verbose", false);
        reader.setFeature("com.ibm.wsdl.parseXMLSchemas", false);
        Definition description = reader.readWSDL(args[0]);
        SchemaTypeSystem types = compile(args[0], Path.of(args[2]));

        List<Object> found = new ArrayList<>();
        for (Service service : (Collection<Service>) description.getServices().values()) {
            for (Port port : (Collection<Port>) service.getPorts().values()) {
                for (BindingOperation operation : (List<BindingOperation>) port.getBinding().getBindingOperations()) {
                    found.add(call(operation, types, args[1], args[3].split("/"), args[4].split("/")));
                }
            }
        }
        System.out.println(new ObjectMapper().writeValueAsString(found));
    }

    /** Compiles the schemas of a description and those that they import, each without its imports. */
    static SchemaTypeSystem compile(String wsdl, Path catalogue) throws Exception {
        Map<String, XmlObject> schemas = new LinkedHashMap<>();
        XmlOptions fragment = new XmlOptions().setSaveUseOpenFrag();
        fragment.setSaveSyntheticDocumentElement(new QName(XSD, "schema"));
        XmlObject document = XmlObject.Factory.parse(URI.create(wsdl).toURL());
        int n = 0;
        for (XmlObject schema : document.selectPath("declare namespace s='" + XSD + "' .//s:schema")) {
            gather("#" + n++, XmlObject.Factory.parse(schema.xmlText(fragment)), catalogue, schemas);
        }
        List<XmlError> errors = new ArrayList<>();
        XmlOptions options = new XmlOptions();
        options.setCompileNoValidation();
        options.setCompileNoPvrRule();
        options.setCompileNoUpaRule();
        options.setValidateTreatLaxAsSkip();
        options.setErrorListener(errors);
        try {
            return XmlBeans.compileXsd(schemas.values().toArray(new XmlObject[0]), XmlBeans.getBuiltinTypeSystem(), options);
        } catch (Exception e) {
            throw new Exception(errors.toString(), e);
        }
    }

    static void gather(String name, XmlObject schema, Path catalogue, Map<String, XmlObject> into) throws Exception {
        if (into.containsKey(name)) {
            return;
        }
        into.put(name, schema);
        Element root = ((Document) schema.getDomNode()).getDocumentElement();
        NodeList imports = root.getElementsByTagNameNS(XSD, "import");
        while (imports.getLength() > 0) {
            Element imported = (Element) imports.item(0);
            String location = imported.getAttribute("schemaLocation");
            if (location.startsWith(CATALOGUE)) {
                Path file = catalogue.resolve(location.substring(CATALOGUE.length()));
                gather(location, XmlObject.Factory.parse(file.toFile()), catalogue, into);
            } else if (!location.isEmpty()) {
                throw new Exception("an import of " + location);
            }
            root.removeChild(imported);
        }
    }

    static Object call(BindingOperation operation, SchemaTypeSystem types, String endpoint, String[] client, String[] provider)
        throws Exception {
        Input input = operation.getOperation().getInput();
        Output output = operation.getOperation().getOutput();
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("operation", operation.getName());
        String sample = SampleXmlUtil.createSampleForType(document(types, body(input.getMessage().getParts())));
        result.put("sample", faults(sample, types, body(input.getMessage().getParts())));

        HttpURLConnection connection = (HttpURLConnection) URI.create(endpoint).toURL().openConnection();
        connection.setRequestMethod("POST");
        connection.setDoOutput(true);
        connection.setRequestProperty("Content-Type", "text/xml;charset=UTF-8");
        connection.setRequestProperty("SOAPAction", '"' + action(operation) + '"');
        connection.getOutputStream().write(envelope(operation, sample, client, provider).getBytes(StandardCharsets.UTF_8));
        result.put("status", connection.getResponseCode());
        try (InputStream in = connection.getResponseCode() < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            XmlCursor cursor = XmlObject.Factory.parse(in).newCursor();
            cursor.toFirstChild();
            if (!cursor.toChild(SOAP, "Body") || !cursor.toFirstChild()) {
                throw new Exception(operation.getName() + ": an answer without a body");
            }
            if (cursor.getName().equals(new QName(SOAP, "Fault"))) {
                cursor.toChild("faultcode");
                result.put("fault", cursor.getTextValue());
            } else {
                result.put("answer", cursor.getName().getLocalPart());
                result.put("faults", faults(cursor.xmlText(new XmlOptions().setSaveOuter()), types, body(output.getMessage().getParts())));
            }
        }
        return result;
    }

    /** The element of a message that is its body. */
    static QName body(Map<?, ?> parts) {
        return ((Part) parts.get("body")).getElementName();
    }

    static SchemaType document(SchemaTypeSystem types, QName name) throws Exception {
        SchemaGlobalElement element = types.findElement(name);
        if (element == null) {
            throw new Exception("no element " + name);
        }
        return types.findDocumentType(name);
    }

    /** What XmlBeans finds wrong with a document. */
    static List<String> faults(String xml, SchemaTypeSystem types, QName name) throws Exception {
        List<XmlError> errors = new ArrayList<>();
        XmlObject parsed = types.parse(xml, document(types, name), new XmlOptions());
        parsed.validate(new XmlOptions().setErrorListener(errors));
        return errors.stream().map(XmlError::toString).toList();
    }

    @SuppressWarnings("unchecked")
    static String action(BindingOperation operation) {
        for (ExtensibilityElement extension : (List<ExtensibilityElement>) operation.getExtensibilityElements()) {
            if (extension instanceof SOAPOperation soap && soap.getSoapActionURI() != null) {
                return soap.getSoapActionURI();
            }
        }
        return "";
    }

    static String envelope(BindingOperation operation, String body, String[] client, String[] provider) {
        return "<soapenv:Envelope xmlns:soapenv=\"" + SOAP + "\" xmlns:x=\"http://x-road.eu/xsd/xroad.xsd\""
            + " xmlns:id=\"http://x-road.eu/xsd/identifiers\"><soapenv:Header>"
            + "<x:client id:objectType=\"SUBSYSTEM\">" + identifier(client) + "</x:client>"
            + "<x:service id:objectType=\"SERVICE\">" + identifier(provider)
            + "<id:serviceCode>" + operation.getName() + "</id:serviceCode><id:serviceVersion>v1</id:serviceVersion></x:service>"
            + "<x:id>" + UUID.randomUUID() + "</x:id><x:userId>EE81506151050</x:userId><x:protocolVersion>4.0</x:protocolVersion>"
            + "</soapenv:Header><soapenv:Body>" + body + "</soapenv:Body></soapenv:Envelope>";
    }

    static String identifier(String[] parts) {
        return "<id:xRoadInstance>" + parts[0] + "</id:xRoadInstance><id:memberClass>" + parts[1] + "</id:memberClass><id:memberCode>"
            + parts[2] + "</id:memberCode><id:subsystemCode>" + parts[3] + "</id:subsystemCode>";
    }
}
