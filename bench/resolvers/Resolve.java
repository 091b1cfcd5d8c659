// Java's resolver: "MICROSECONDS ADDRESS...", without addresses if there are none.
import java.net.InetAddress;
import java.net.UnknownHostException;

public class Resolve {
    public static void main(String[] arguments) {
        if (arguments.length != 1) {
            System.err.println("usage: Resolve NAME");
            System.exit(2);
        }
        InetAddress[] found = {};
        long before = System.nanoTime();
        try {
            found = InetAddress.getAllByName(arguments[0]);
        } catch (UnknownHostException missing) {
            // Java tells a failure from a missing name by the text alone.
            if (!String.valueOf(missing.getMessage()).matches(".*(not known|No address).*")) {
                System.err.println(missing.getMessage());
                System.exit(1);
            }
        }
        StringBuilder line = new StringBuilder().append((System.nanoTime() - before) / 1000);
        for (InetAddress each : found) {
            line.append(' ').append(each.getHostAddress());
        }
        System.out.println(line);
    }
}
