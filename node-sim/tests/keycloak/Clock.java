import java.lang.instrument.Instrumentation;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;

/** Sets Keycloak's clock ahead by as many seconds as a file says, which it reads again and again. */
public class Clock {
    public static void premain(String file, Instrumentation machine) {
        Thread setter = new Thread(() -> keepSetting(Path.of(file), machine), "clock");
        setter.setDaemon(true);
        setter.start();
    }

    private static void keepSetting(Path file, Instrumentation machine) {
        try {
            Method set = null;
            while (true) {
                Thread.sleep(200);
                set = set == null ? setter(machine) : set;
                if (set != null) {
                    set.invoke(null, Integer.parseInt(Files.readString(file).trim()));
                }
            }
        } catch (Exception why) {
            throw new IllegalStateException(why);
        }
    }

    /** The method of Keycloak's clock, once that is loaded. */
    private static Method setter(Instrumentation machine) throws NoSuchMethodException {
        for (Class<?> loaded : machine.getAllLoadedClasses()) {
            if (loaded.getName().equals("org.keycloak.common.util.Time")) {
                return loaded.getMethod("setOffset", int.class);
            }
        }
        return null;
    }
}
