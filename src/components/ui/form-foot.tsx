import { Button, type ButtonProps } from "@/components/ui/button";

/** The foot of a dialog with a form: Cancel, and the button that sends it. */
export function FormFoot({ onCancel, variant = "primary", ...button }: ButtonProps & { form: string; onCancel: () => void }) {
  return (
    <>
      <Button variant="ghost" onClick={onCancel}>
        Cancel
      </Button>
      <Button variant={variant} type="submit" {...button} />
    </>
  );
}
